/** Puts the cursor into the one field that a page or dialog is about. Use as `{@attach focusNow}`. */
export function focusNow(element: HTMLElement): void {
  element.focus();
}

/** For a button beside the image: the next key belongs to the canvas, not to the button. */
export function thenLeave(run: () => void) {
  return (event: MouseEvent & { currentTarget: HTMLElement }): void => {
    run();
    event.currentTarget.blur();
  };
}
