/** What an export can be: images, formats in plain words, and the question to the server that follows. */

import { EVERYTHING, type Listing, queryOf } from "../api/listing.ts";
import type { ExportPreview, ExportQuery, Project } from "../api/types.ts";
import { amid, number } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

/** `chosen`: one by one in the gallery. */
export type Which = NonNullable<ExportQuery["which"]> | "listed" | "chosen";
export type Format = NonNullable<ExportQuery["format"]>;

/** What is chosen in the dialog. */
export interface ExportForm {
  which: Which;
  skipped: boolean;
  format: Format;
  polygons: boolean;
  /** px */
  tolerance: number;
  /** null: where trainers look for them beside, as with YOLO. */
  images: boolean | null;
  split: boolean;
  /** Percentages for training, validation and test. */
  shares: readonly [number, number, number];
}

interface Description {
  name: () => string;
  words: () => string;
  sample: string;
  /** Whether the images can come along, and the parts of a split. */
  withImages: boolean;
}

export const FORMATS: Readonly<Record<Format, Description>> = {
  coco: {
    name: () => "COCO",
    words: m.exchange_format_coco,
    sample:
      '{"image_id": 7, "category_id": 1, "segmentation": {"counts": "Ybc0…", "size": [480, 640]}, "area": 9120}',
    withImages: true,
  },
  yolo: {
    name: () => "YOLO",
    words: m.exchange_format_yolo,
    sample: "0 0.1875 0.4166 0.2031 0.4020 0.2187 0.3958 …",
    withImages: true,
  },
  png: {
    name: m.exchange_format_labels,
    words: m.exchange_format_png,
    sample: "classes/cat.png, instances/cat.png, labels.json",
    withImages: true,
  },
  panoptic: {
    name: () => "Panoptic COCO",
    words: m.exchange_format_panoptic,
    sample: '{"image_id": 7, "segments_info": [{"id": 1, "category_id": 1, "area": 9120}]}',
    withImages: false,
  },
  sa1b: {
    name: () => "SA-1B",
    words: m.exchange_format_sa1b,
    sample: '{"image": {"file_name": "cat.jpg"}, "annotations": [{"segmentation": {"counts": "Ybc0…"}}]}',
    withImages: false,
  },
};
export const POLYGON_SAMPLE =
  '{"image_id": 7, "category_id": 1, "segmentation": [[120, 200, 131, 193, …]], "area": 9120}';

/** Whether the gallery lists less than everything. */
export const isNarrowed = (listing: Listing): boolean =>
  Object.keys(queryOf({ ...listing, order: EVERYTHING.order, descending: false })).length > 0;

/** Finished images where there are any: nothing that somebody is still drawing gets into a training set unasked. */
export function firstWhich(project: Project, chosen: readonly number[] = []): Which {
  if (chosen.length > 0) return "chosen";
  return project.submitted_count + project.approved_count > 0 ? "finished" : "annotated";
}

export function firstForm(project: Project, chosen: readonly number[] = []): ExportForm {
  return {
    which: firstWhich(project, chosen),
    skipped: false,
    format: "coco",
    polygons: false,
    tolerance: 0,
    images: null,
    split: false,
    shares: [80, 10, 10],
  };
}

export const writesPolygons = ({ format, polygons }: ExportForm): boolean =>
  format === "yolo" || (format === "coco" && polygons);

/** Whether the images come along. */
export const bringsImages = ({ format, images, split }: ExportForm): boolean =>
  FORMATS[format].withImages && (format === "coco" && split ? true : (images ?? format === "yolo"));

const MOST_CHOSEN = 1000; // images, as the server takes them

/** Why what is chosen cannot be exported; empty when it can. @param chosen how many images are chosen one by one */
export function obstacle({ which, split, shares, format }: ExportForm, chosen = 0): string {
  if (which === "chosen" && chosen > MOST_CHOSEN)
    return m.exchange_chosen_too_many({ most: number(MOST_CHOSEN) });
  if (!split || !FORMATS[format].withImages) return "";
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (shares.some((share) => !Number.isInteger(share) || share < 0)) return m.exchange_shares_whole();
  if (total !== 100) return m.exchange_shares_total({ total });
  return shares[0] > 0 ? "" : m.exchange_shares_training();
}

/** The question to the server. Only what matters for the format is in it. @param chosen numbers of images that are chosen one by one */
export function exportQuery(form: ExportForm, listing: Listing, chosen: readonly number[] = []): ExportQuery {
  const { order, descending, ...filter } = queryOf(listing);
  const { withImages } = FORMATS[form.format];
  const split = withImages && form.split;
  const shares = form.shares[2] > 0 ? form.shares : form.shares.slice(0, 2);
  return {
    format: form.format,
    which: form.which === "listed" || form.which === "chosen" ? "all" : form.which,
    skipped:
      form.skipped || form.which === "chosen" || (form.which === "listed" && filter.state === "skipped"),
    ...(form.which === "listed" && filter),
    ...(form.which === "chosen" && { image_ids: chosen.join(",") }),
    ...(form.format === "coco" && form.polygons && { segmentation: "polygon" as const }),
    ...(writesPolygons(form) && form.tolerance > 0 && { tolerance: form.tolerance }),
    ...(withImages && { images: bringsImages(form) }),
    ...(split && { split: shares.join("/") }),
  };
}

/** "120 images with 840 masks"; what of that may surprise is said behind it. */
export function summary({ images, annotations, empty }: ExportPreview): string {
  const counted = {
    images: m.gallery_images_counted({ count: images }),
    masks: m.gallery_masks_counted({ count: annotations }),
  };
  if (empty === 0) return m.exchange_summary(counted);
  return m.exchange_summary_empty({ ...counted, negatives: m.gallery_images_counted({ count: empty }) });
}

/** What does not come along; empty when nothing stays behind. */
export function leftBehind(preview: ExportPreview, names: Readonly<Record<string, string>>): string {
  const images = preview.left_out.reduce((sum, each) => sum + each.images, 0);
  const states = preview.left_out.map((each) =>
    m.exchange_left_state({ count: number(each.images), state: amid(names[each.state] ?? "") }),
  );
  const parts = [];
  if (images > 0)
    parts.push(
      m.exchange_left_images({
        images: m.gallery_images_counted({ count: images }),
        states: states.join(", "),
        masks: m.gallery_masks_counted({ count: preview.left_out_annotations }),
      }),
    );
  if (preview.no_outline > 0) parts.push(m.exchange_left_outlines({ count: preview.no_outline }));
  return parts.join("; ");
}
