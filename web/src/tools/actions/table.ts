/** Everything that the annotate page can do: one table, from which keys, key sheet and command palette come. */

import type { Action, ActionContext } from "./action.ts";
import { CLEAN_UP, DRAWING, TOOLS } from "./drawing.ts";
import { OBJECTS } from "./objects.ts";
import { PAGE } from "./page.ts";
import { SUGGESTIONS } from "./suggestions.ts";

const TABLE = [...DRAWING, ...TOOLS, ...CLEAN_UP, ...OBJECTS, ...SUGGESTIONS, ...PAGE] as const;

export type Command = (typeof TABLE)[number]["command"];

export type NamedAction = Action & { readonly command: Command };

export const ACTIONS: readonly NamedAction[] = TABLE;

const BY_NAME: ReadonlyMap<string, NamedAction> = new Map(ACTIONS.map((each) => [each.command, each]));

/** Names that commands had before, as they are in settings that somebody saved. */
const FORMER: Readonly<Record<string, Command>> = { carry: "propagate" };

/** Null when there is no such command any more. */
export function commandNamed(name: string): Command | null {
  return BY_NAME.get(FORMER[name] ?? name)?.command ?? null;
}

export const actionOf = (command: Command): NamedAction => BY_NAME.get(command)!;
export const nameOfCommand = (command: Command): string => actionOf(command).does();

export function isPossible(command: Command, context: ActionContext): boolean {
  const { changes, possible } = actionOf(command);
  if (changes && context.session.readOnly) return false;
  return possible?.(context) ?? true;
}

/** @returns false when there was nothing to do here, so that the key may do what it does elsewhere */
export function perform(command: Command, context: ActionContext): boolean {
  if (!isPossible(command, context)) return false;
  actionOf(command).run(context);
  return true;
}
