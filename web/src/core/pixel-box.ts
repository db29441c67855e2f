/** Rectangles of whole pixels. An empty one has no width. */

export interface PixelBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What lies in both; null when that is nothing. */
export function intersection(a: PixelBox, b: PixelBox): PixelBox | null {
  const [left, top] = [Math.max(a.left, b.left), Math.max(a.top, b.top)];
  const width = Math.min(a.left + a.width, b.left + b.width) - left;
  const height = Math.min(a.top + a.height, b.top + b.height) - top;
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}

/** The smallest one around both. */
export function around(a: PixelBox, b: PixelBox): PixelBox {
  const [left, top] = [Math.min(a.left, b.left), Math.min(a.top, b.top)];
  const width = Math.max(a.left + a.width, b.left + b.width) - left;
  const height = Math.max(a.top + a.height, b.top + b.height) - top;
  return { left, top, width, height };
}

/** With a margin on all sides. */
export function widened({ left, top, width, height }: PixelBox, by: number): PixelBox {
  return { left: left - by, top: top - by, width: width + 2 * by, height: height + 2 * by };
}

export function encloses(outer: PixelBox, inner: PixelBox): boolean {
  return (
    inner.left >= outer.left &&
    inner.top >= outer.top &&
    inner.left + inner.width <= outer.left + outer.width &&
    inner.top + inner.height <= outer.top + outer.height
  );
}
