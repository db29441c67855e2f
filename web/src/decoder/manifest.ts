/** What the decoder must know about a model. */

/** What the page reads of a model's manifest.json; `server/limner/manifest.py` describes the whole. */
export interface Manifest {
  readonly format: 1;
  readonly name: string;
  readonly title: string;
  readonly weights_sha256: string;
  readonly preprocessing_version: number;
  readonly input: { readonly image_size: number };
  readonly embedding: { readonly channels: number; readonly height: number; readonly width: number };
  readonly low_res_size: number;
  readonly num_masks: number;
  readonly graphs: { readonly prepare: GraphFile; readonly decode: GraphFile };
}

export interface GraphFile {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}
