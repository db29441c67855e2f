/** From pressed keys to actions, some of which last for as long as the key is down. */

import type { KeyInput, Keymap } from "../keys.ts";
import type { ActionContext } from "./action.ts";
import { actionOf, type NamedAction, perform } from "./table.ts";

type Pressed = KeyInput & { readonly repeat: boolean };

export class KeyPresses {
  /** Actions that last, by the key that is down. */
  private readonly held = new Map<string, NamedAction>();

  constructor(private readonly context: ActionContext) {}

  /** @returns whether the key meant something here */
  down(pressed: Pressed, keymap: Keymap): boolean {
    const command = keymap.commandOf(pressed);
    if (command === null) return false;
    const action = actionOf(command);
    if (pressed.repeat && action.once) return true;
    if (action.release) this.held.set(nameOf(pressed), action);
    return perform(command, this.context);
  }

  up(released: Pick<KeyInput, "key" | "code">): void {
    this.held.get(nameOf(released))?.release?.(this.context);
    this.held.delete(nameOf(released));
  }

  /** Keys that are released elsewhere never tell. */
  releaseAll(): void {
    for (const action of this.held.values()) action.release?.(this.context);
    this.held.clear();
  }
}

/** The key itself: what it writes can change while it is down. */
const nameOf = ({ code, key }: Pick<KeyInput, "key" | "code">) => code || key;
