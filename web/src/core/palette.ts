import type { PixelBox } from "./pixel-box.ts";

/** Colours for what has no category: Okabe and Ito's, told apart with any kind of colour vision (jfly.uni-koeln.de/color). */
const OKABE_ITO = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"] as const;

const GOLDEN_ANGLE = 137.508; // degrees: hues that follow each other are far apart

/** Okabe and Ito's, and after them as many as are asked for, of one lightness and chroma. */
export function paletteColour(index: number): string {
  return OKABE_ITO[index] ?? fromOklch(index % 2 ? 0.72 : 0.6, 0.15, (index * GOLDEN_ANGLE) % 360);
}

/** B. Ottosson, "A perceptual color space for image processing", 2020; clipped to sRGB. @param hue in degrees */
function fromOklch(lightness: number, chroma: number, hue: number): string {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const channel = (value: number) => {
    const clipped = Math.min(Math.max(value, 0), 1);
    const encoded = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(encoded * 255)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${linear.map(channel).join("")}`;
}

/** What colours are given to. */
interface Placed {
  readonly uid: string;
  readonly box: PixelBox;
}

const APART = 0.25; // of an object's size: what lies nearer is its neighbour

/**
 * Colours one after the other, greedily, so that neighbours have different ones; who has a colour keeps it. Of those that are
 * left, and that any eye tells apart, it is the one that the fewest have.
 * @param known by uid; what is there already stays
 */
export function colourNeighbours(
  objects: readonly Placed[],
  known: ReadonlyMap<string, number>,
): Map<string, number> {
  const given = new Map<string, number>();
  for (const object of objects) {
    const before = known.get(object.uid);
    if (before !== undefined) given.set(object.uid, before);
  }
  for (const object of objects) {
    if (given.has(object.uid)) continue;
    const taken = new Set(
      objects.filter((other) => isNear(object.box, other.box)).map(({ uid }) => given.get(uid)),
    );
    given.set(object.uid, rarest(given, taken) ?? firstBeyond(taken));
  }
  return given;
}

/** Among Okabe and Ito's; null where all of them are taken. */
function rarest(given: ReadonlyMap<string, number>, taken: ReadonlySet<number | undefined>): number | null {
  const uses = OKABE_ITO.map(() => 0);
  for (const index of given.values()) if (index < uses.length) uses[index]!++;
  const free = [...uses.keys()].filter((index) => !taken.has(index));
  return free.length > 0 ? free.reduce((best, index) => (uses[index]! < uses[best]! ? index : best)) : null;
}

function firstBeyond(taken: ReadonlySet<number | undefined>): number {
  let index: number = OKABE_ITO.length;
  while (taken.has(index)) index++;
  return index;
}

function isNear(a: PixelBox, b: PixelBox): boolean {
  const room = APART * Math.max(a.width, a.height, b.width, b.height);
  return (
    a.left - room < b.left + b.width &&
    b.left - room < a.left + a.width &&
    a.top - room < b.top + b.height &&
    b.top - room < a.top + a.height
  );
}

/** Of the object being drawn while it has no category: bright, and not among the others. */
export const DRAFT_COLOUR = "#4d9fff";
