/** Which keys the page may take. */

const TEXT_FIELDS = "input, textarea, select, [contenteditable]";

/** Whether a key is free to mean something: nobody is typing, and no dialog is open. */
export function isForPage({ target, defaultPrevented }: KeyboardEvent): boolean {
  const element = target instanceof Element ? target : null;
  return (
    !defaultPrevented && !element?.closest(TEXT_FIELDS) && document.querySelector("dialog[open]") === null
  );
}
