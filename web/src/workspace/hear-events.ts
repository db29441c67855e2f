/** What happens in the project, told to whatever on the page of an image it concerns. */

import type { ProjectStreams } from "../sync/streams.ts";
import type { Comments } from "./comments.svelte.ts";
import type { EmbeddingWaits } from "./embedding-waits.ts";
import type { History } from "./history.svelte.ts";
import type { ImageOpener } from "./image-opener.svelte.ts";
import type { Marks } from "./marks.ts";
import type { OpenImage } from "./open-image.svelte.ts";
import type { Suggesting } from "./suggesting.svelte.ts";
import type { WatchedProject } from "./watched-project.svelte.ts";

export interface Hearers {
  readonly waits: Pick<EmbeddingWaits, "wake">;
  readonly watched: Pick<WatchedProject, "loadSoon">;
  readonly opener: Pick<ImageOpener, "wanted" | "tryAgain">;
  readonly opened: Pick<OpenImage, "hear" | "hearWork" | "hearTags" | "hearMoved">;
  readonly marks: Pick<Marks, "missed">;
  readonly history: Pick<History, "hear">;
  readonly comments: Pick<Comments, "hear" | "load">;
  readonly suggesting: Pick<Suggesting, "hear" | "load">;
  /** The annotations of an image are at this revision, as far as the server has told. */
  notice(imageId: number, revision: number): Promise<void>;
  /** The person may do something else than before. */
  heedRights(): void;
}

/** @returns disposer */
export function hearEvents(
  streams: Pick<ProjectStreams, "listen">,
  projectId: number,
  hearers: Hearers,
): () => void {
  const { waits, watched, opener, opened, marks, history, comments, suggesting } = hearers;

  /** After a gap in the events: ask for what they would have told, also of the image that is on its way. */
  function catchUp(): void {
    const { wanted } = opener;
    waits.wake(wanted);
    watched.loadSoon();
    marks.missed();
    history.hear(wanted);
    void comments.load();
    void suggesting.load();
    if (opener.tryAgain()) return;
    // Whatever the revision is by now, it counts as newer.
    if (wanted) void hearers.notice(wanted, Number.MAX_SAFE_INTEGER);
  }

  return streams.listen(projectId, {
    embedding: ({ image_id }) => waits.wake(image_id),
    region: ({ image_id }) => waits.wake(image_id),
    categories: () => watched.loadSoon(),
    suggestions: (told) => suggesting.hear(told),
    model: () => watched.loadSoon(),
    annotations: ({ image_id, revision, mark }) => {
      void hearers.notice(image_id, revision);
      opened.hear(image_id, revision, mark);
      history.hear(image_id);
    },
    comments: ({ image_id }) => comments.hear(image_id),
    work: ({ images }) => opened.hearWork(images),
    tags: ({ images }) => opened.hearTags(images),
    moved: ({ images }) => opened.hearMoved(images),
    access: () => hearers.heedRights(),
    start: catchUp,
    reset: catchUp,
  });
}
