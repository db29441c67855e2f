import type { Client } from "../api/client.ts";
import type { Job, Project } from "../api/types.ts";
import type { ProjectStreams } from "../sync/streams.ts";
import { GalleryImages } from "./images.svelte.ts";

/** Where the newest job of a kind is kept. */
const PLACES: Partial<Record<Job["kind"], "job" | "suggestJob">> = {
  precompute: "job",
  suggest: "suggestJob",
};

const SETTLE = 400; // ms; many events in a row ask for the project's counts once

/** One project as the gallery shows it: counts, images and the jobs that encode them, kept fresh by events. */
export class GalleryProject {
  project = $state.raw<Project | null>(null);
  /** The newest job that encodes all images by the project's model. */
  job = $state.raw<Job | null>(null);
  /** The newest job after which the project uses another model. */
  change = $state.raw<Job | null>(null);
  /** The newest job that suggests masks. */
  suggestJob = $state.raw<Job | null>(null);
  readonly images: GalleryImages;
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly client: Client,
    readonly id: number,
    private readonly report: (error: unknown) => void,
  ) {
    this.images = new GalleryImages(client, id);
  }

  async load(): Promise<void> {
    const [jobs] = await Promise.all([this.client.jobs(this.id), this.ask()]);
    this.job = this.suggestJob = this.change = null;
    for (const each of jobs) this.take(each);
  }

  /** How a job stands now. */
  take(job: Job): void {
    const place = PLACES[job.kind] ?? "change";
    if (job.id >= (this[place]?.id ?? 0)) this[place] = job;
  }

  async refresh(): Promise<void> {
    try {
      await this.ask();
    } catch (error) {
      this.report(error);
    }
  }

  async refreshAll(): Promise<void> {
    await Promise.all([this.refresh(), this.images.reset()]);
  }

  /** @returns disposer */
  listen(streams: ProjectStreams): () => void {
    const stop = streams.listen(this.id, {
      image: ({ image_id, action }) => {
        if (action === "deleted") this.images.drop(image_id);
        else void this.adopt(image_id);
        this.refreshSoon();
      },
      categories: () => this.refreshSoon(),
      annotations: ({ image_id, revision, annotation_count, mark }) => {
        this.images.change(image_id, { revision, annotation_count, mark });
        this.refreshSoon();
      },
      work: ({ images }) => {
        if (images.length === 0) void this.catchUp();
        for (const { image_id, ...work } of images) this.images.change(image_id, { work });
      },
      embedding: ({ image_id, state, error }) => {
        this.images.change(image_id, { embedding: { state, error: error ?? null } });
        this.refreshSoon();
      },
      job: (job) => this.take({ ...job, model: job.model ?? null }),
      model: () => void this.catchUp(), // other embeddings count from now on
      start: () => void this.catchUp(),
      reset: () => void this.catchUp(),
    });
    return () => {
      stop();
      if (this.timer !== null) clearTimeout(this.timer);
    };
  }

  refreshSoon(): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.refresh();
    }, SETTLE);
  }

  /** After a gap in the events, and where they begin: what was read before they did may be older. */
  private async catchUp(): Promise<void> {
    try {
      await Promise.all([this.load(), this.images.reload()]);
    } catch (error) {
      this.report(error);
    }
  }

  /** Answers may overtake each other: only that to the latest question counts. */
  private async ask(): Promise<void> {
    const question = ++this.asked;
    const project = await this.client.project(this.id);
    if (question === this.asked) this.project = project;
  }

  private async adopt(imageId: number): Promise<void> {
    if (this.images.list.some((each) => each.id === imageId) || !this.images.complete) return;
    try {
      this.images.add(await this.client.image(imageId));
    } catch (error) {
      this.report(error);
    }
  }
}
