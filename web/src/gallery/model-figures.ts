/** Models as people read about them. */
import type { Model } from "../api/types.ts";

/** What each family is for. Seconds are of one processor core for one image (docs/models.md). */
const ABOUT: Readonly<Record<string, string>> = {
  samlet: "Small and quick: an image is prepared in about 0.1 s. Came with Limner, so it needs no network.",
  mobile_sam: "SAM's decoder with a small encoder: about 1 s to prepare an image without a graphics card.",
  efficientvit_sam_l0: "SAM's decoder with a fast encoder that sees images at half of SAM's resolution.",
  sam_vit_b: "The smallest SAM: about 12 s to prepare an image without a graphics card.",
  sam_vit_l: "SAM in the middle size; meant for a graphics card.",
  sam_vit_h: "SAM in its largest size; meant for a graphics card.",
  sam2_1_tiny: "SAM 2.1 in its smallest size.",
  sam2_1_small: "SAM 2.1 in its second size.",
  sam2_1_base_plus: "SAM 2.1 in its third size; better with a graphics card.",
  sam2_1_large: "SAM 2.1 in its largest size; meant for a graphics card.",
};

export const aboutModel = ({ family, name, bundled, installed }: Model): string =>
  (installed && !bundled && name !== family ? "" : ABOUT[family]) ?? "";

export const megabytes = (bytes: number): string =>
  `${(bytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`;

/** What was measured of it, by name. */
export const figuresOf = ({ quality }: Model): readonly (readonly [string, number | string])[] =>
  Object.entries(quality).filter(
    (each): each is [string, number | string] => typeof each[1] === "number" || typeof each[1] === "string",
  );

/** Installed ones first, then those that are on their way, the smaller before the larger. */
export function inOrder(models: readonly Model[]): Model[] {
  const rank = ({ installed, pull }: Model) => (installed ? 0 : pull ? 1 : 2);
  const size = ({ bytes, download_bytes }: Model) => bytes ?? download_bytes ?? Number.MAX_SAFE_INTEGER;
  return models.toSorted((a, b) => rank(a) - rank(b) || size(a) - size(b) || a.name.localeCompare(b.name));
}

/** How far a model is that is fetched. */
export function pullText({ done, total }: NonNullable<Model["pull"]>): string {
  if (total !== null && done >= total) return "Checking and installing…";
  if (done === 0) return "Waiting for the first bytes…";
  return total === null ? `${megabytes(done)} so far` : `${megabytes(done)} of ${megabytes(total)}`;
}

/** Whether nothing is there yet but what came with Limner. */
export const onlyBundled = (models: readonly Model[]): boolean =>
  models.every(({ installed, bundled }) => !installed || bundled);
