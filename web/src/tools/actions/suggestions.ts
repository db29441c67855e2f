/** Actions on what machines propose. Enter takes a suggestion and Tab goes to the next one: see `accept` and `cycle`. */

import type { Action, ActionContext } from "./action.ts";

const some = ({ session }: ActionContext) => session.suggestions.shown.length > 0;

export const SUGGESTIONS = [
  {
    group: "Suggestions",
    command: "findEverything",
    does: "Find everything on this image",
    keys: ["Shift+e"],
    changes: true,
    possible: ({ page }) => page.ready,
    run: ({ page }) => page.findEverything(),
  },
  {
    group: "Suggestions",
    command: "findSimilar",
    does: "Find what looks like the selected objects",
    keys: ["Shift+l"],
    changes: true,
    possible: ({ page, objects }) => page.ready && objects.selected.length > 0,
    run: ({ page }) => page.findSimilar(),
  },
  {
    group: "Suggestions",
    command: "findDetected",
    does: "Find what the project's detector sees",
    keys: ["Shift+o"],
    changes: true,
    possible: ({ page }) => page.ready,
    run: ({ page }) => page.findDetected(),
  },
  {
    group: "Suggestions",
    command: "refuse",
    does: "Refuse the suggestion that is lit",
    keys: ["x"],
    changes: true,
    possible: ({ session }) => session.suggestions.current !== null,
    run: ({ session: { suggestions } }) => suggestions.refuse(suggestions.current!.uid),
  },
  {
    group: "Suggestions",
    command: "takeAll",
    does: "Take all suggestions that are shown",
    keys: ["Shift+Enter"],
    changes: true,
    possible: some,
    once: true,
    run: ({ session }) => session.suggestions.takeAll(),
  },
  {
    group: "Suggestions",
    command: "showSuggestions",
    does: "Hide or show suggestions",
    keys: ["Shift+s"],
    possible: ({ session }) => session.suggestions.open.length > 0,
    run: ({ session: { suggestions } }) => {
      suggestions.visible = !suggestions.visible;
    },
  },
] as const satisfies readonly Action[];
