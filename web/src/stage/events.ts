/** From DOM events to what the tools understand. */

import { type ImagePoint, type ScreenPoint, screenPoint } from "../core/geometry.ts";
import type { PointerInput } from "../tools/tool.ts";
import type { Finger } from "./fingers.ts";

const PEN_ERASER = 32; // PointerEvent.buttons while the other end of a pen is down

/** Relative to the element. */
export function screenPointOf(event: MouseEvent, element: HTMLElement): ScreenPoint {
  const { left, top } = element.getBoundingClientRect();
  return screenPoint(event.clientX - left - element.clientLeft, event.clientY - top - element.clientTop);
}

export function pointerInput(event: MouseEvent, screen: ScreenPoint, image: ImagePoint): PointerInput {
  const button = event.button === 1 ? "middle" : event.button === 2 ? "right" : "left";
  return {
    screen,
    image,
    button,
    background: button === "right" || event.shiftKey || event.altKey,
    onTop: button === "left" && event.altKey,
    selecting: event.ctrlKey || event.metaKey,
    straight: event.shiftKey,
    erasing:
      button === "right" ||
      event.altKey ||
      event.ctrlKey ||
      event.metaKey ||
      (event.buttons & PEN_ERASER) !== 0,
    pressure: event instanceof PointerEvent && event.pointerType === "pen" ? event.pressure : 1,
  };
}

/** A finger has no buttons; resting is its right one. */
export function asRightButton(input: PointerInput): PointerInput {
  return { ...input, button: "right", background: true, erasing: true };
}

export function fingerOf(event: PointerEvent, element: HTMLElement): Finger {
  const { pointerId: id, pointerType: type, timeStamp: time } = event;
  return { id, type, time, screen: screenPointOf(event, element) };
}

/** What has the focus, as far as keys are concerned. */
export function focusOf(target: EventTarget | null): { isEditable: boolean; isControl: boolean } {
  if (!(target instanceof HTMLElement)) return { isEditable: false, isControl: false };
  return {
    isEditable: target.isContentEditable || target.matches("input, textarea, select"),
    isControl:
      target.closest("button, a, summary, [role='button'], [role='option'], [role='menuitem']") !== null,
  };
}
