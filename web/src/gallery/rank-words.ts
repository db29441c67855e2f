/** Why an image stands where it does among those that would teach the model, in words. */
import type { ProjectImage } from "../api/types.ts";

type Rank = NonNullable<ProjectImage["rank"]>;

const percent = (share: number) => `${Math.round(100 * share)} %`;

/** All of it, in a sentence. */
export function rankReason({
  place,
  predicted_iou: rated,
  stability,
  agreement,
  distance,
  clicks,
}: Rank): string {
  const taken = clicks === null ? "" : `; masks of images like it took ${clicks.toFixed(1)} clicks`;
  return `place ${place.toLocaleString()}: the model rates its masks ${percent(rated)} (stable ${percent(stability)}, agreeing ${percent(agreement)}); ${percent(distance)} unlike the nearest image with masks or before it${taken}`;
}

/** What fits on a card. */
export function rankSummary({ place, predicted_iou: rated, distance }: Rank): string {
  return `${place.toLocaleString()}: sure ${percent(rated)}, new ${percent(distance)}`;
}
