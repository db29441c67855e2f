/** Actions on images as a whole, and on how they are seen. */

import type { Action } from "./action.ts";

export const PAGE = [
  {
    group: "Images and view",
    command: "next",
    does: "Next image",
    keys: ["d", "ArrowRight"],
    run: ({ page }) => page.step(1),
  },
  {
    group: "Images and view",
    command: "previous",
    does: "Previous image",
    keys: ["a", "ArrowLeft"],
    run: ({ page }) => page.step(-1),
  },
  {
    group: "Images and view",
    command: "submit",
    does: "Submit the image, go on to the next one to work on",
    keys: ["Ctrl+Enter"],
    once: true, // a key that is held settles one image, not all that follow unseen
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.submit(),
  },
  {
    group: "Images and view",
    command: "skip",
    does: "Skip the image, and say why",
    keys: ["Ctrl+Shift+Enter"],
    once: true,
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.skip(),
  },
  {
    group: "Images and view",
    command: "nextWaiting",
    does: "Next image to work on; nobody else is handed it meanwhile",
    keys: ["Shift+n"],
    once: true,
    possible: ({ page }) => page.canWork,
    run: ({ page }) => page.nextWaiting(),
  },
  {
    group: "Images and view",
    command: "approve",
    does: "Approve the image, go on to the next one that was submitted",
    keys: ["Shift+y"],
    once: true,
    possible: ({ page }) => page.canApprove,
    run: ({ page }) => page.approve(),
  },
  {
    group: "Images and view",
    command: "nextSubmitted",
    does: "Next image that was submitted",
    keys: ["Shift+m"],
    once: true,
    run: ({ page }) => page.nextSubmitted(),
  },
  {
    group: "Images and view",
    command: "comment",
    does: "Comment on the selected object, on the place that is pointed at, or on the image",
    keys: ["Shift+c"],
    possible: ({ page }) => page.ready && page.canComment,
    run: ({ page }) => page.comment(),
  },
  {
    group: "Images and view",
    command: "nextComment",
    does: "Next open comment",
    keys: ["."],
    possible: ({ page }) => page.hasComments,
    run: ({ page }) => page.nextComment(),
  },
  {
    group: "Images and view",
    command: "fit",
    does: "Fit the image",
    keys: ["Home"],
    run: ({ viewer }) => viewer.fit(),
  },
  {
    group: "Images and view",
    command: "zoomIn",
    does: "Zoom in",
    keys: ["PageUp"],
    run: ({ viewer }) => viewer.zoomStep(1),
  },
  {
    group: "Images and view",
    command: "zoomOut",
    does: "Zoom out",
    keys: ["PageDown"],
    run: ({ viewer }) => viewer.zoomStep(-1),
  },
  {
    group: "Images and view",
    command: "zoomToSelection",
    does: "Zoom to what is selected or drawn",
    keys: ["z"],
    possible: ({ session }) => session.selection.uid !== null || session.draft.hasMask,
    run: ({ viewer }) => viewer.zoomToSelection(),
  },
  {
    group: "Images and view",
    command: "closer",
    does: "Look closer at what is seen; again: the whole image",
    keys: ["c"],
    changes: true,
    run: ({ page }) => page.lookCloser(),
  },
  {
    group: "Images and view",
    command: "peek",
    does: "Hold: the image without masks",
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
    does: "Hold and drag: move the image",
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
    does: "Ask whether everything is saved",
    keys: ["Ctrl+s"],
    run: ({ page }) => page.tellSaving(),
  },
  {
    group: "Images and view",
    command: "palette",
    does: "Find and run any command",
    keys: ["Ctrl+k"],
    run: ({ page }) => page.openPalette(),
  },
  {
    group: "Images and view",
    command: "sheet",
    does: "All keys",
    keys: ["?"],
    run: ({ page }) => page.openSheet(),
  },
] as const satisfies readonly Action[];
