/** Actions on the object being drawn, tools, and clean-up. */

import { BACKGROUND, FOREGROUND } from "../../core/prompts.ts";
import { isHandTool } from "../../session/mask-target.ts";
import type { ToolName } from "../../session/types.ts";
import type { Action, ActionContext } from "./action.ts";

const hasCandidates = ({ session: { draft } }: ActionContext) =>
  draft.candidates.length > 0 || draft.decoding;
const hasMask = ({ session }: ActionContext) => session.masks.hasMask;
const hasChoice = (context: ActionContext) =>
  hasCandidates(context) || (!context.session.draft.active && context.session.suggestions.shown.length > 0);
const choose = ({ session: { draft, drawing, suggestions } }: ActionContext, step: 1 | -1) =>
  draft.active ? drawing.cycle(step) : suggestions.walk(step);
const isReady = ({ page }: ActionContext) => page.ready;

export const DRAWING = [
  {
    group: "Drawing",
    command: "cycle",
    does: "Next candidate; without a mask being drawn: next suggestion by score",
    keys: ["Tab"],
    possible: hasChoice,
    run: (context) => choose(context, 1),
  },
  {
    group: "Drawing",
    command: "cycleBack",
    does: "Previous candidate, or suggestion",
    keys: ["Shift+Tab"],
    possible: hasChoice,
    run: (context) => choose(context, -1),
  },
  {
    group: "Drawing",
    command: "accept",
    does: "Accept the mask, or the suggestion that is lit; with a selected object: go on drawing it",
    keys: ["Enter", "n"],
    changes: true,
    possible: ({ session, tools }) =>
      tools.underWay ||
      session.draft.active ||
      session.suggestions.current !== null ||
      session.selection.uid !== null,
    run: ({ session, tools }) => {
      const { draft, drawing, selection, suggestions } = session;
      if (tools.finish()) return;
      if (draft.active) drawing.accept();
      else if (suggestions.current) suggestions.take(suggestions.current.uid);
      else if (isHandTool(session.tool))
        selection.select(null); // what it changed is saved already
      else if (selection.uid !== null) drawing.reopen(selection.uid);
    },
  },
  {
    group: "Drawing",
    command: "drop",
    does: "Discard the mask; unselect",
    keys: ["Escape"],
    run: ({ session, tools }) => {
      if (tools.cancel()) return;
      if (session.draft.active) session.drawing.drop();
      else session.selection.select(null);
    },
  },
  {
    group: "Drawing",
    command: "removeLastPrompt",
    does: "Remove the last prompt",
    keys: ["Backspace"],
    changes: true,
    run: ({ session, tools }) => {
      if (!tools.back()) session.drawing.removeLastPrompt();
    },
  },
  {
    group: "Drawing",
    command: "undo",
    does: "Undo",
    keys: ["Ctrl+z"],
    changes: true,
    run: ({ session }) => session.undo(),
  },
  {
    group: "Drawing",
    command: "redo",
    does: "Redo",
    keys: ["Ctrl+Shift+z", "Ctrl+y"],
    changes: true,
    run: ({ session }) => session.store.redo(),
  },
  {
    group: "Drawing",
    command: "foregroundHere",
    does: "Foreground point where the keyboard points",
    keys: ["+"],
    changes: true,
    possible: isReady,
    run: ({ page }) => page.point(FOREGROUND),
  },
  {
    group: "Drawing",
    command: "backgroundHere",
    does: "Background point where the keyboard points",
    keys: ["-"],
    changes: true,
    possible: isReady,
    run: ({ page }) => page.point(BACKGROUND),
  },
] as const satisfies readonly Action[];

const tool = <Name extends ToolName>(command: Name, does: string, key: string) =>
  ({
    group: "Tools",
    command,
    does,
    keys: [key],
    changes: true,
    run: ({ session }) => session.setTool(command),
  }) as const satisfies Action;

const brush = <Name extends string>(
  command: Name,
  does: string,
  key: string,
  direction: 1 | -1,
  big: boolean,
) =>
  ({
    group: "Tools",
    command,
    does,
    keys: [key],
    changes: true,
    run: ({ session }) => session.masks.options.resize(direction, big),
  }) as const satisfies Action;

export const TOOLS = [
  tool("points", "Points", "q"),
  tool("box", "Box", "w"),
  tool("brush", "Brush", "b"),
  tool("eraser", "Eraser", "e"),
  tool("polygon", "Polygon", "p"),
  tool("fill", "Fill a hole", "f"),
  tool("vertices", "Move corners", "v"),
  brush("smaller", "Smaller brush", "[", -1, false),
  brush("larger", "Larger brush", "]", 1, false),
  brush("muchSmaller", "Much smaller brush", "{", -1, true),
  brush("muchLarger", "Much larger brush", "}", 1, true),
] as const;

const reshape = <Name extends "grow" | "shrink" | "smooth">(command: Name, does: string, key: string) =>
  ({
    group: "Clean-up",
    command,
    does,
    keys: [key],
    changes: true,
    possible: hasMask,
    run: ({ session }) => void session.masks.reshape(command),
  }) as const satisfies Action;

export const CLEAN_UP = [
  {
    group: "Clean-up",
    command: "fillHoles",
    does: "Fill all small holes",
    keys: ["Shift+f"],
    changes: true,
    possible: hasMask,
    run: ({ session }) => session.masks.fillHoles(),
  },
  {
    group: "Clean-up",
    command: "dropIslands",
    does: "Remove all small parts",
    keys: ["Shift+d"],
    changes: true,
    possible: hasMask,
    run: ({ session }) => session.masks.dropIslands(),
  },
  reshape("grow", "Grow the mask", "g"),
  reshape("shrink", "Shrink the mask", "s"),
  reshape("smooth", "Smooth the mask", "m"),
] as const satisfies readonly Action[];
