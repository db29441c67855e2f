/** Models as people read about them. */

import type { Model } from "../api/types.ts";
import { megabytes } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

/** What each family is for. Seconds are of one processor core for one image (docs/models.md). */
const ABOUT: Readonly<Record<string, () => string>> = {
  samlet: m.models_about_samlet,
  mobile_sam: m.models_about_mobile_sam,
  efficientvit_sam_l0: m.models_about_efficientvit_sam_l0,
  sam_vit_b: m.models_about_sam_vit_b,
  sam_vit_l: m.models_about_sam_vit_l,
  sam_vit_h: m.models_about_sam_vit_h,
  sam2_1_tiny: m.models_about_sam2_1_tiny,
  sam2_1_small: m.models_about_sam2_1_small,
  sam2_1_base_plus: m.models_about_sam2_1_base_plus,
  sam2_1_large: m.models_about_sam2_1_large,
};

export const aboutModel = ({ family, name, bundled, installed }: Model): string =>
  (installed && !bundled && name !== family ? "" : ABOUT[family]?.()) ?? "";

export { megabytes };

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
  if (total !== null && done >= total) return m.models_pull_installing();
  if (done === 0) return m.models_pull_waiting();
  return total === null
    ? m.models_pull_so_far({ done: megabytes(done) })
    : m.models_pull_of({ done: megabytes(done), total: megabytes(total) });
}

/** Whether nothing is there yet but what came with Limner. */
export const onlyBundled = (models: readonly Model[]): boolean =>
  models.every(({ installed, bundled }) => !installed || bundled);
