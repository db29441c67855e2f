"""Text that is cut off without being meant to: neither does an ellipsis say so, nor is it in a row or a table that is
scrolled from side to side.
"""

from __future__ import annotations

from playwright.sync_api import Page

FIND = """() => {
  const found = [];
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (words.nextNode()) {
    const text = words.currentNode.textContent.trim();
    const owner = words.currentNode.parentElement;
    if (!text || !owner.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (owner.closest(".visually-hidden, .skip-link, option, script, style, pre, code, table")) continue;
    range.selectNodeContents(words.currentNode);
    const { left, right, width } = range.getBoundingClientRect();
    if (width === 0) continue;
    for (let box = owner; box && box !== document.documentElement; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none") break;
      if (style.clipPath !== "none") break; // there to be read out
      if (style.overflowX === "visible") continue;
      const edge = box.getBoundingClientRect();
      const scrolls = style.overflowX === "auto" || style.overflowX === "scroll";
      if (scrolls && box.scrollHeight <= box.clientHeight + 1) break; // from side to side, as it is meant to
      if (right > edge.right + 1 || left < edge.left - 1) {
        found.push(`${text.slice(0, 60)} by ${Math.round(Math.max(right - edge.right, edge.left - left))} px`);
        break;
      }
    }
  }
  return found;
}"""


def cut_off(page: Page) -> list[str]:
    """What is cut off on the page as it is, in words."""
    found: list[str] = page.evaluate(FIND)
    return found
