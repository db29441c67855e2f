/** Actions on the object being drawn, tools, and clean-up. */

import { BACKGROUND, FOREGROUND } from "../../core/prompts.ts";
import { isHandTool } from "../../session/mask-target.ts";
import type { ToolName } from "../../session/types.ts";
import { m } from "../../texts/messages.ts";
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
    does: m.tools_cycle,
    keys: ["Tab"],
    possible: hasChoice,
    run: (context) => choose(context, 1),
  },
  {
    group: "Drawing",
    command: "cycleBack",
    does: m.tools_cycle_back,
    keys: ["Shift+Tab"],
    possible: hasChoice,
    run: (context) => choose(context, -1),
  },
  {
    group: "Drawing",
    command: "accept",
    does: m.tools_accept,
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
    does: m.tools_drop,
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
    does: m.tools_remove_last_prompt,
    keys: ["Backspace"],
    changes: true,
    run: ({ session, tools }) => {
      if (!tools.back()) session.drawing.removeLastPrompt();
    },
  },
  {
    group: "Drawing",
    command: "undo",
    does: m.tools_undo,
    keys: ["Ctrl+z"],
    changes: true,
    run: ({ session }) => session.undo(),
  },
  {
    group: "Drawing",
    command: "redo",
    does: m.tools_redo,
    keys: ["Ctrl+Shift+z", "Ctrl+y"],
    changes: true,
    run: ({ session }) => session.store.redo(),
  },
  {
    group: "Drawing",
    command: "foregroundHere",
    does: m.tools_foreground_here,
    keys: ["+"],
    changes: true,
    possible: isReady,
    run: ({ page }) => page.point(FOREGROUND),
  },
  {
    group: "Drawing",
    command: "backgroundHere",
    does: m.tools_background_here,
    keys: ["-"],
    changes: true,
    possible: isReady,
    run: ({ page }) => page.point(BACKGROUND),
  },
  {
    group: "Drawing",
    command: "tidy",
    does: m.tools_tidy,
    keys: ["Shift+t"],
    changes: true,
    run: ({ page }) => page.toggleTidy(),
  },
] as const satisfies readonly Action[];

const tool = <Name extends ToolName>(command: Name, does: () => string, key: string) =>
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
  does: () => string,
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
  tool("points", m.tools_points, "q"),
  tool("box", m.tools_box, "w"),
  tool("brush", m.tools_brush, "b"),
  tool("eraser", m.tools_eraser, "e"),
  tool("polygon", m.tools_polygon, "p"),
  tool("fill", m.tools_fill, "f"),
  tool("vertices", m.tools_vertices, "v"),
  brush("smaller", m.tools_smaller, "[", -1, false),
  brush("larger", m.tools_larger, "]", 1, false),
  brush("muchSmaller", m.tools_much_smaller, "{", -1, true),
  brush("muchLarger", m.tools_much_larger, "}", 1, true),
] as const;

const reshape = <Name extends "grow" | "shrink" | "smooth">(command: Name, does: () => string, key: string) =>
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
    does: m.tools_fill_holes,
    keys: ["Shift+f"],
    changes: true,
    possible: hasMask,
    run: ({ session }) => session.masks.fillHoles(),
  },
  {
    group: "Clean-up",
    command: "dropIslands",
    does: m.tools_drop_islands,
    keys: ["Shift+d"],
    changes: true,
    possible: hasMask,
    run: ({ session }) => session.masks.dropIslands(),
  },
  reshape("grow", m.tools_grow, "g"),
  reshape("shrink", m.tools_shrink, "s"),
  reshape("smooth", m.tools_smooth, "m"),
] as const satisfies readonly Action[];
