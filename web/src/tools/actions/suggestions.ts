/** Actions on what machines propose. Enter takes a suggestion and Tab goes to the next one: see `accept` and `cycle`. */

import { m } from "../../texts/messages.ts";
import type { Action, ActionContext } from "./action.ts";

const some = ({ session }: ActionContext) => session.suggestions.shown.length > 0;

export const SUGGESTIONS = [
  {
    group: "Suggestions",
    command: "findEverything",
    does: m.tools_find_everything,
    keys: ["Shift+e"],
    changes: true,
    possible: ({ page }) => page.ready,
    run: ({ page }) => page.findEverything(),
  },
  {
    group: "Suggestions",
    command: "findSimilar",
    does: m.tools_find_similar,
    keys: ["Shift+l"],
    changes: true,
    possible: ({ page, objects }) => page.ready && objects.selected.length > 0,
    run: ({ page }) => page.findSimilar(),
  },
  {
    group: "Suggestions",
    command: "findDetected",
    does: m.tools_find_detected,
    keys: ["Shift+o"],
    changes: true,
    possible: ({ page }) => page.ready,
    run: ({ page }) => page.findDetected(),
  },
  {
    group: "Suggestions",
    command: "correct",
    does: m.tools_correct,
    keys: ["r"],
    changes: true,
    possible: ({ session }) => session.suggestions.current !== null,
    run: ({ session: { drawing, suggestions } }) => drawing.correct(suggestions.current!.uid),
  },
  {
    group: "Suggestions",
    command: "refuse",
    does: m.tools_refuse,
    keys: ["x"],
    changes: true,
    possible: ({ session }) => session.suggestions.current !== null,
    run: ({ session: { suggestions } }) => suggestions.refuse(suggestions.current!.uid),
  },
  {
    group: "Suggestions",
    command: "takeAll",
    does: m.tools_take_all,
    keys: ["Shift+Enter"],
    changes: true,
    possible: some,
    once: true,
    run: ({ session }) => session.suggestions.takeAll(),
  },
  {
    group: "Suggestions",
    command: "showSuggestions",
    does: m.tools_show_suggestions,
    keys: ["Shift+s"],
    possible: ({ session }) => session.suggestions.open.length > 0,
    run: ({ session: { suggestions } }) => {
      suggestions.visible = !suggestions.visible;
    },
  },
] as const satisfies readonly Action[];
