/** What hands and fingers do; these stay as they are. */
export const GESTURES: readonly { readonly hand: string; readonly does: string }[] = [
  { hand: "Click or tap", does: "Foreground point; on a marker: remove it" },
  { hand: "Right, Shift or Alt + click; long press", does: "Background point" },
  { hand: "Drag", does: "Box; on a marker: move it" },
  {
    hand: "Click, double click on a saved object",
    does: "Select it, go on drawing it; again: the next below",
  },
  { hand: "Alt + click on a saved object", does: "Begin a new object on top of it" },
  { hand: "Alt, Ctrl or right (hold)", does: "Brush takes away; polygon cuts out; fill removes a part" },
  { hand: "Shift + click", does: "With brush or eraser: straight stroke from the last one" },
  { hand: "Wheel, pinch", does: "Zoom at the cursor" },
  { hand: "Middle drag, two fingers", does: "Move the image" },
  { hand: "Pen", does: "Its pressure scales the brush, its other end erases; a palm beside it does nothing" },
  { hand: "Shift + arrows", does: "Point with the keyboard; with Ctrl pixel by pixel" },
];
