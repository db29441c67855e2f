import { m } from "../texts/messages.ts";

/** What hands and fingers do; these stay as they are. */
export const GESTURES: readonly { readonly hand: () => string; readonly does: () => string }[] = [
  { hand: m.tools_hand_click, does: m.tools_hand_click_does },
  { hand: m.tools_hand_right, does: m.tools_hand_right_does },
  { hand: m.tools_hand_drag, does: m.tools_hand_drag_does },
  { hand: m.tools_hand_object, does: m.tools_hand_object_does },
  { hand: m.tools_hand_alt, does: m.tools_hand_alt_does },
  { hand: m.tools_hand_hold, does: m.tools_hand_hold_does },
  { hand: m.tools_hand_shift, does: m.tools_hand_shift_does },
  { hand: m.tools_hand_wheel, does: m.tools_hand_wheel_does },
  { hand: m.tools_hand_middle, does: m.tools_hand_middle_does },
  { hand: m.tools_hand_pen, does: m.tools_hand_pen_does },
  { hand: m.tools_hand_arrows, does: m.tools_hand_arrows_does },
];
