/** Values that a session is made of. */

import type { AnnotationContent, Operation, OperationStep } from "../api/types.ts";
import type { ImageSize } from "../core/geometry.ts";
import type { Plane } from "../core/logits.ts";

/** An annotation as the session needs it (more fields are welcome and ignored). */
export type Annotation = AnnotationContent & { readonly uid: string };

export type Provenance = NonNullable<AnnotationContent["provenance"]>;

export type { Operation, OperationStep };

export interface SessionImage extends ImageSize {
  readonly id: number;
}

export interface SessionCategory {
  readonly id: number;
  readonly name: string;
  /** "#rrggbb" */
  readonly color: string;
}

export type ToolName = "points" | "box" | HandTool;

/** Tools that change pixels without asking the model. */
export type HandTool = "brush" | "eraser" | "polygon" | "fill" | "vertices";

/** One entry of the annotation list. */
export type AnnotationView = Annotation & {
  /** "#rrggbb" as painted: the category's, or one from the palette when there is none. */
  readonly colour: string;
  readonly area: number;
  readonly hidden: boolean;
  readonly locked: boolean;
};

export interface Candidate {
  /** 0–3, the index in the decoder's output. */
  readonly index: number;
  readonly iou: number;
  readonly plane: Plane;
}

/** Something the annotator should read, e.g. that an empty mask cannot be accepted; "{accept}" stands for a command's key. */
export interface Notice {
  readonly level: "info" | "error";
  readonly message: string;
}
