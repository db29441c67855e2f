/** Actions on images as a whole, and on how they are seen. */

import { m } from "../../texts/messages.ts";
import type { Action } from "./action.ts";

export const PAGE = [
  {
    group: "Images and view",
    command: "next",
    does: m.tools_next,
    keys: ["d", "ArrowRight"],
    run: ({ page }) => page.step(1),
  },
  {
    group: "Images and view",
    command: "previous",
    does: m.tools_previous,
    keys: ["a", "ArrowLeft"],
    run: ({ page }) => page.step(-1),
  },
  {
    group: "Images and view",
    command: "submit",
    does: m.tools_submit,
    keys: ["Ctrl+Enter"],
    once: true, // a key that is held settles one image, not all that follow unseen
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.submit(),
  },
  {
    group: "Images and view",
    command: "skip",
    does: m.tools_skip,
    keys: ["Ctrl+Shift+Enter"],
    once: true,
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.skip(),
  },
  {
    group: "Images and view",
    command: "nextWaiting",
    does: m.tools_next_waiting,
    keys: ["Shift+n"],
    once: true,
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.nextWaiting(),
  },
  {
    group: "Images and view",
    command: "approve",
    does: m.tools_approve,
    keys: ["Shift+y"],
    once: true,
    possible: ({ page }) => page.canApprove,
    run: ({ page }) => page.approve(),
  },
  {
    group: "Images and view",
    command: "nextSubmitted",
    does: m.tools_next_submitted,
    keys: ["Shift+m"],
    once: true,
    run: ({ page }) => page.nextSubmitted(),
  },
  {
    group: "Images and view",
    command: "comment",
    does: m.tools_comment,
    keys: ["Shift+c"],
    possible: ({ page }) => page.ready && page.canComment,
    run: ({ page }) => page.comment(),
  },
  {
    group: "Images and view",
    command: "nextComment",
    does: m.tools_next_comment,
    keys: ["."],
    possible: ({ page }) => page.hasComments,
    run: ({ page }) => page.nextComment(),
  },
  {
    group: "Images and view",
    command: "fit",
    does: m.tools_fit,
    keys: ["Home"],
    run: ({ viewer }) => viewer.fit(),
  },
  {
    group: "Images and view",
    command: "zoomIn",
    does: m.tools_zoom_in,
    keys: ["PageUp"],
    run: ({ viewer }) => viewer.zoomStep(1),
  },
  {
    group: "Images and view",
    command: "zoomOut",
    does: m.tools_zoom_out,
    keys: ["PageDown"],
    run: ({ viewer }) => viewer.zoomStep(-1),
  },
  {
    group: "Images and view",
    command: "zoomToSelection",
    does: m.tools_zoom_to_selection,
    keys: ["z"],
    possible: ({ session }) => session.selection.uid !== null || session.draft.hasMask,
    run: ({ viewer }) => viewer.zoomToSelection(),
  },
  {
    group: "Images and view",
    command: "closer",
    does: m.tools_closer,
    keys: ["c"],
    changes: true,
    run: ({ page }) => page.lookCloser(),
  },
  {
    group: "Images and view",
    command: "labels",
    does: m.tools_labels,
    keys: ["i"],
    run: ({ page }) => page.toggleLabels(),
  },
  {
    group: "Images and view",
    command: "peek",
    does: m.tools_peek,
    keys: ["t"],
    run: ({ session }) => {
      session.peeking = true;
    },
    release: ({ session }) => {
      session.peeking = false;
    },
  },
  {
    group: "Images and view",
    command: "pan",
    does: m.tools_pan,
    keys: [" "],
    run: ({ tools }) => {
      tools.panning = true;
    },
    release: ({ tools }) => {
      tools.panning = false;
    },
  },
  {
    group: "Images and view",
    command: "saving",
    does: m.tools_saving,
    keys: ["Ctrl+s"],
    run: ({ page }) => page.tellSaving(),
  },
  {
    group: "Images and view",
    command: "palette",
    does: m.tools_palette,
    keys: ["Ctrl+k"],
    run: ({ page }) => page.openPalette(),
  },
  {
    group: "Images and view",
    command: "sheet",
    does: m.tools_sheet,
    keys: ["?"],
    run: ({ page }) => page.openSheet(),
  },
] as const satisfies readonly Action[];
