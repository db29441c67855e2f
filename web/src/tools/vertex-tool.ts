import type { ImagePoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import { distanceToSegment } from "../core/simplify.ts";
import type { PointerInput, Tool, ToolSession, ToolStage } from "./tool.ts";

const REACH = 9; // CSS px from a corner or an edge

interface Corner {
  readonly ring: number;
  readonly index: number;
}

/** The corner under way, and the rings with it in its newest place. */
interface Moving extends Corner {
  readonly rings: readonly Ring[];
  /** Whether it is new or has been moved, so that letting go changes the mask. */
  readonly changed: boolean;
}

/**
 * Moves the corners of a mask's polygon. A press on an edge makes a new corner; Alt, Ctrl or the right button on a corner
 * removes it. Elsewhere, a click selects a saved annotation.
 */
export class VertexTool implements Tool {
  readonly cursor = "default";
  private moving: Moving | null = null;

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

  hover(): void {}

  leave(): void {}

  down({ image, erasing }: PointerInput): void {
    const { rings } = this.session.masks;
    const corner = this.nearest(rings, image, cornerDistances);
    if (corner && erasing) {
      this.session.masks.setRings(replaceRing(rings, corner.ring, (ring) => ring.toSpliced(corner.index, 1)));
      return;
    }
    if (corner) this.moving = { ...corner, rings, changed: false };
    else this.insert(rings, image);
    if (!this.moving && !this.session.draft.active) {
      this.session.selection.select(this.session.list.at(image)?.uid ?? null);
    }
  }

  drag({ image }: PointerInput): void {
    if (!this.moving) return;
    const { ring, index } = this.moving;
    const rings = replaceRing(this.moving.rings, ring, (corners) => corners.with(index, image));
    this.moving = { ring, index, rings, changed: true };
    this.stage.show({ rings });
    this.session.masks.previewRings(rings);
  }

  up(): void {
    const { moving } = this;
    this.moving = null;
    this.stage.show({});
    if (moving?.changed) this.session.masks.setRings(moving.rings);
  }

  cancel(): boolean {
    const begun = this.moving !== null;
    this.moving = null;
    if (begun) this.session.masks.cancel();
    this.stage.show({});
    return begun;
  }

  private insert(rings: readonly Ring[], at: ImagePoint): void {
    const edge = this.nearest(rings, at, edgeDistances);
    if (!edge) return;
    const index = edge.index + 1;
    const inserted = replaceRing(rings, edge.ring, (ring) => ring.toSpliced(index, 0, at));
    this.moving = { ring: edge.ring, index, rings: inserted, changed: true };
    this.stage.show({ rings: inserted });
  }

  private nearest(
    rings: readonly Ring[],
    at: ImagePoint,
    distances: (ring: Ring, at: ImagePoint) => number[],
  ): Corner | null {
    let [best, least]: [Corner | null, number] = [null, REACH / this.stage.scale];
    rings.forEach((ring, number) => {
      distances(ring, at).forEach((distance, index) => {
        if (distance <= least) [best, least] = [{ ring: number, index }, distance];
      });
    });
    return best;
  }
}

const cornerDistances = (ring: Ring, [x, y]: ImagePoint) =>
  ring.map(([cx, cy]) => Math.hypot(cx - x, cy - y));

/** From the edges that begin at each corner. */
const edgeDistances = (ring: Ring, at: ImagePoint) =>
  ring.map((from, index) => distanceToSegment(at, from, ring[(index + 1) % ring.length]!));

/** A ring of fewer than three corners is gone. */
function replaceRing(rings: readonly Ring[], number: number, change: (ring: Ring) => Ring): readonly Ring[] {
  return rings
    .map((ring, index) => (index === number ? change(ring) : ring))
    .filter((ring) => ring.length > 2);
}
