/** Puts the cursor into the one field that a page or dialog is about. Use as `{@attach focusNow}`. */
export function focusNow(element: HTMLElement): void {
  element.focus();
}
