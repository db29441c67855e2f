/** The page's own commands: going from image to image, and pointing with keys. The stage has those of the image. */
import { BACKGROUND, FOREGROUND, type PointLabel } from "../core/prompts.ts";
import type { Command } from "../tools/command-table.ts";

export interface PageActions {
  step: (direction: -1 | 1) => void;
  submit: () => void;
  skip: () => void;
  nextWaiting: () => void;
  toggleSheet: () => void;
  /** Look closer at what is seen, or at the whole image again. */
  lookCloser: () => void;
  /** Tell whether everything is saved. */
  tellSaving: () => void;
  /** A point where the keyboard points. @returns whether there is an image */
  point: (label: PointLabel) => boolean;
}

const TEXT_FIELDS = "input, textarea, select, [contenteditable]";

/** Whether a key is free to mean something: nobody is typing, and no dialog is open. */
export function isForPage({ target, defaultPrevented }: KeyboardEvent): boolean {
  const element = target instanceof Element ? target : null;
  return (
    !defaultPrevented && !element?.closest(TEXT_FIELDS) && document.querySelector("dialog[open]") === null
  );
}

/** @returns whether the command meant something here */
export function performOnPage(
  command: Command,
  { step, submit, skip, nextWaiting, toggleSheet, lookCloser, tellSaving, point }: PageActions,
): boolean {
  switch (command) {
    case "submit":
      submit();
      return true;
    case "skip":
      skip();
      return true;
    case "nextWaiting":
      nextWaiting();
      return true;
    case "next":
      step(1);
      return true;
    case "previous":
      step(-1);
      return true;
    case "sheet":
      toggleSheet();
      return true;
    case "closer":
      lookCloser();
      return true;
    case "saving":
      tellSaving();
      return true;
    case "foregroundHere":
      return point(FOREGROUND);
    case "backgroundHere":
      return point(BACKGROUND);
    default:
      return false;
  }
}
