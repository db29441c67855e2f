/** What the canvases show, and where. */

import type { ColumnMask } from "../core/column-mask.ts";
import type { ImageBox, ImagePoint, ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";
import type { Ring } from "../core/polygon.ts";
import type { Prompts } from "../core/prompts.ts";
import type { Region } from "../core/region.ts";
import type { Rle } from "../core/rle.ts";
import type { Manifest } from "../decoder/manifest.ts";
import type { AnnotationView } from "../session/types.ts";
import type { BrushCursor } from "./hand-marks.ts";
import type { Picture } from "./picture.ts";
import type { PreviewStyle } from "./preview-layer.ts";
import type { StageSize, View } from "./view.ts";

/** How everything lies on the stage. */
export interface Place {
  readonly image: ImageSize;
  readonly view: View;
  readonly stage: StageSize;
  /** Device pixels per CSS pixel. */
  readonly pixelRatio: number;
}

export interface SuggestedMask {
  readonly uid: string;
  readonly segmentation: Rle;
}

export interface BaseScene {
  readonly picture: Picture | null;
  readonly annotations: readonly AnnotationView[];
  /** uids of all that are selected. */
  readonly selected: ReadonlySet<string>;
  /** uid of the one among them that single-object commands mean. */
  readonly primary: string | null;
  /** uid of the one that the pointer is over. */
  readonly pointedAt: string | null;
  /** What machines propose; under the saved masks. */
  readonly suggestions: readonly SuggestedMask[];
  /** uid of the one among them that is lit. */
  readonly lit: string | null;
  /** Of saved masks: 0 shows outlines only. */
  readonly fillAlpha: number;
  /** What stands on the saved masks, by uid; null: nothing does. */
  readonly labels: ReadonlyMap<string, string> | null;
}

/** The mask that is changed by hand. */
export interface EditScene {
  readonly mask: ColumnMask;
  readonly style: EditStyle;
}

export interface EditStyle {
  /** "#rrggbb" */
  readonly colour: string;
  readonly alpha: number;
  /** "#rrggbb" of its border. */
  readonly rim: string;
}

export interface OverlayScene {
  readonly mask: {
    readonly plane: Plane;
    /** What the logits are of; null for the whole image. */
    readonly region: Region | null;
    readonly style: PreviewStyle;
    readonly model: Manifest;
  } | null;
  /** What is looked at closer. */
  readonly frame: Region | null;
  readonly prompts: Prompts;
  readonly band: ImageBox | null;
  readonly crosshair: ImagePoint | null;
  readonly brush: BrushCursor | null;
  readonly path: readonly ImagePoint[];
  readonly rings: readonly Ring[];
}
