/** Why an image stands where it does among those that would teach the model, in words. */
import type { ProjectImage } from "../api/types.ts";
import { fixed, number } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

type Rank = NonNullable<ProjectImage["rank"]>;

const percent = (share: number) => m.annotate_percent({ percent: Math.round(100 * share) });

/** All of it, in a sentence. */
export function rankReason({ place, predicted_iou, stability, agreement, distance, clicks }: Rank): string {
  const words = {
    place: number(place),
    rated: percent(predicted_iou),
    stability: percent(stability),
    agreement: percent(agreement),
    distance: percent(distance),
  };
  return clicks === null
    ? m.gallery_rank_reason(words)
    : m.gallery_rank_reason_clicks({ ...words, clicks: fixed(clicks, 1) });
}

/** What fits on a card. */
export const rankSummary = ({ place, predicted_iou, distance }: Rank): string =>
  m.gallery_rank_summary({
    place: number(place),
    rated: percent(predicted_iou),
    distance: percent(distance),
  });
