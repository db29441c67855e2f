/** What the decoder must know about a model. */

import type { ModelSquare } from "../core/geometry.ts";
import type { MaskSpec, PromptSpec } from "../core/prompts.ts";

/** One tensor that the image encoder gives: (1, channels, height, width) for one image. */
export interface FeatureSpec {
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** What the page reads of a model's manifest.json; `server/limner/models/manifest.py` describes the whole. */
export interface Manifest {
  readonly format: 2;
  readonly name: string;
  readonly title: string;
  readonly weights_sha256: string;
  readonly preprocessing_version: number;
  readonly input: ModelSquare;
  /** What the encoder gives and `prepare` takes; `valid_size` counts cells of the first. */
  readonly features: readonly FeatureSpec[];
  readonly prompts: PromptSpec;
  readonly masks: MaskSpec;
  readonly graphs: { readonly prepare: GraphFile; readonly decode: GraphFile };
}

export interface GraphFile {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}
