/** Why an image stands where it does among those that would teach the model, in words. */
import type { ProjectImage } from "../api/types.ts";
import { fixed, number } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

type Rank = NonNullable<ProjectImage["rank"]>;

const percent = (share: number) => m.gallery_upload_percent({ percent: Math.round(100 * share) });

/** All of it, in a sentence. */
export function rankReason({
  place,
  predicted_iou: rated,
  stability,
  agreement,
  distance,
  clicks,
}: Rank): string {
  const all = {
    place: number(place),
    rated: percent(rated),
    stability: percent(stability),
    agreement: percent(agreement),
    distance: percent(distance),
  };
  return clicks === null
    ? m.gallery_card_why(all)
    : m.gallery_card_why_clicks({ ...all, clicks: fixed(clicks, 1) });
}

/** What fits on a card. */
export function rankSummary({ place, predicted_iou: rated, distance }: Rank): string {
  return m.gallery_card_rank({ place: number(place), rated: percent(rated), distance: percent(distance) });
}
