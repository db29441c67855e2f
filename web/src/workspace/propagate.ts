/** Objects of one image looked for on another: their prompts are asked again there. */
import { clampToImage, type ImageBox, type ImageSize, imagePoint } from "../core/geometry.ts";
import { newUuid } from "../core/ids.ts";
import {
  BACKGROUND,
  type DecoderPrompts,
  FOREGROUND,
  NO_PROMPTS,
  type PromptPoint,
  type Prompts,
} from "../core/prompts.ts";
import { boundingBox } from "../core/rle.ts";
import type { Decoder } from "../decoder/decoder.ts";
import { bestOf, maskOf, TidiedMasks } from "../session/answers.ts";
import { framed } from "../session/framing.ts";
import { provenanceOf } from "../session/provenance.ts";
import { boxBetween, rounded } from "../session/rounding.ts";
import type { Annotation } from "../session/types.ts";

export interface Propagation {
  from: ImageSize;
  annotations: readonly Annotation[];
}

/**
 * The prompts that made an annotation, else a box around it, at the same relative place of another image. Null where
 * nothing of them lies there.
 */
export function promptsElsewhere(annotation: Annotation, from: ImageSize, to: ImageSize): Prompts | null {
  const place = (x: number, y: number) =>
    clampToImage(imagePoint((x * to.width) / from.width, (y * to.height) / from.height), to);
  const boxed = (box: readonly number[]): ImageBox | null =>
    boxBetween(place(box[0]!, box[1]!), place(box[2]!, box[3]!));
  const saved = annotation.provenance?.prompts;
  if (saved && !saved.mask && (saved.points.length > 0 || saved.box)) {
    const points = saved.points.map(
      ([x, y, label]): PromptPoint => ({
        at: rounded(place(x, y)),
        label: label === 1 ? FOREGROUND : BACKGROUND,
      }),
    );
    return { ...NO_PROMPTS, points, box: saved.box && boxed(saved.box) };
  }
  const { left, top, width, height } = boundingBox(annotation.segmentation);
  const box = boxed([left, top, left + width, top + height]);
  return box && { ...NO_PROMPTS, box };
}

/** What was looked for on another image. */
export interface Found {
  readonly sure: readonly Annotation[];
  /** Masks that the model rates much lower than those they came from: to be looked at before anybody saves them. */
  readonly unsure: readonly { readonly prompts: Prompts; readonly categoryId: number | null }[];
}

const SHARE = 0.8; // of the predicted IoU of the mask that an object came from
const LEAST = 0.5; // predicted IoU, where none is known to compare with

/**
 * Models rate themselves differently, so that a mask is compared with the one it came from.
 * @param iou as the model predicts it
 */
export function isSure(iou: number, { provenance }: Pick<Annotation, "provenance">): boolean {
  const before = provenance?.predicted_iou ?? null;
  return iou >= (before === null ? LEAST : SHARE * before);
}

/**
 * What the decoder finds on its open image, which is `image`. Annotations for which it finds nothing are left out.
 * @throws DecoderError
 */
export async function decodeAgain(
  decoder: Decoder,
  { from, annotations }: Propagation,
  image: ImageSize,
): Promise<Found> {
  const sure: Annotation[] = [];
  const unsure: Found["unsure"][number][] = [];
  for (const annotation of annotations) {
    const prompts = promptsElsewhere(annotation, from, image);
    const model = decoder.manifest;
    const given = prompts && model && framed(prompts, null, model);
    const decoded = given && (await newestDecode(decoder, given, image));
    if (!prompts || !decoded || !model) continue;
    const tidied = annotation.provenance?.tidied ? new TidiedMasks(decoded, given, image, model) : null;
    const answer = { prompts, decoded, region: null, tidied };
    const index = annotation.provenance?.mask_index ?? bestOf(answer);
    const segmentation = maskOf(answer, index, image, model);
    if (!segmentation) continue;
    const { category_id, iscrowd, attributes } = annotation;
    const provenance = provenanceOf(answer, index, model, { seconds: 0, clicks: 0 });
    if (!isSure(decoded.iou[index]!, annotation)) unsure.push({ prompts, categoryId: category_id });
    else sure.push({ uid: newUuid(), category_id, iscrowd, attributes, segmentation, provenance });
  }
  return { sure, unsure };
}

const ATTEMPTS = 20;

/** A hovering pointer supersedes what waits in the decoder; ask again then. Null when another image was opened. */
async function newestDecode(decoder: Decoder, prompts: DecoderPrompts, image: ImageSize) {
  for (let attempt = 0; attempt < ATTEMPTS && decoder.info.state === "ready"; attempt++) {
    const decoded = await decoder.decode(prompts, image);
    if (decoded) return decoded;
  }
  return null;
}
