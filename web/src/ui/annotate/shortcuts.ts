/** The page's own keys: going from image to image. The stage has those of the image, see tools/keys.ts. */
import { HELP } from "../../tools/keys.ts";
import { OBJECT_HELP } from "./object-keys.ts";

export interface PageActions {
  step: (direction: -1 | 1) => void;
  submit: () => void;
  skip: () => void;
  nextWaiting: () => void;
  toggleSheet: () => void;
  /** Look closer at what is seen, or at the whole image again. */
  lookCloser: () => void;
  /** Keys that point at the image. @returns whether this was one */
  point: (event: KeyboardEvent) => boolean;
}

const PAGE_HELP = [
  { keys: "Ctrl + Enter", does: "Submit the image, go on to the next one that waits" },
  { keys: "Ctrl + Shift + Enter", does: "Skip the image, and say why" },
  { keys: "Shift + N", does: "Next image that waits" },
  { keys: "D, →", does: "Next image" },
  { keys: "A, ←", does: "Previous image" },
  { keys: "Shift + arrows, +, -", does: "Point with keys: move, foreground, background" },
  { keys: "C", does: "Look closer at what is seen; again: the whole image" },
  { keys: "?", does: "This sheet" },
];

/** Everything that keys and mouse do on the annotate page; alternatives are separated by commas. */
export const SHEET = [...HELP, ...OBJECT_HELP, ...PAGE_HELP];

const TEXT_FIELDS = "input, textarea, select, [contenteditable]";

/** Whether a key is free to mean something: nobody is typing, and no dialog is open. */
export function isForPage({ target, defaultPrevented }: KeyboardEvent): boolean {
  const element = target instanceof Element ? target : null;
  return (
    !defaultPrevented && !element?.closest(TEXT_FIELDS) && document.querySelector("dialog[open]") === null
  );
}

/** Run the page's shortcut that `event` means, if any. Keys that a text field needs stay its own. */
export function handlePageKey(
  event: KeyboardEvent,
  { step, submit, skip, nextWaiting, toggleSheet, lookCloser, point }: PageActions,
): void {
  const { key, target } = event;
  const typing = target instanceof Element && target.closest(TEXT_FIELDS) !== null;
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (event.defaultPrevented || typing) return;
  if (point(event)) event.preventDefault();
  if (event.defaultPrevented) return;
  if (event.ctrlKey && key === "Enter" && event.shiftKey) skip();
  else if (event.ctrlKey && key === "Enter") submit();
  else if (modified) return;
  else if (key === "?") toggleSheet();
  else if (key === "N") nextWaiting();
  else if (event.shiftKey) return;
  else if (key === "c" || key === "C") lookCloser();
  else if (key === "d" || key === "D" || key === "ArrowRight") step(1);
  else if (key === "a" || key === "A" || key === "ArrowLeft") step(-1);
  else return;
  event.preventDefault();
}
