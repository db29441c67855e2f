/** What the decoder answered, for the prompts of the object being drawn and for the pointer that hovers. */

import type { ImagePoint, ImageSize } from "../core/geometry.ts";
import { FOREGROUND, NO_PROMPTS, type Prompts } from "../core/prompts.ts";
import { holds } from "../core/region.ts";
import type { Decoder } from "../decoder/decoder.ts";
import { type Answer, TidiedMasks } from "./answers.ts";
import { framed } from "./framing.ts";
import type { Viewpoint } from "./viewpoint.svelte.ts";

/** Whether a decode would say anything: a mask alone shows itself. */
export function isQuestion({ points, box }: Prompts): boolean {
  return points.length > 0 || box !== null;
}

export class Decodes {
  /** Whether masks are shown and saved without the parts and holes that nobody asked for; what is drawn on stays as saved at first. */
  tidies = $state(false);
  private answered = $state.raw<Answer | null>(null);
  private preview = $state.raw<Answer | null>(null);
  /** For the prompts of the object being drawn. While newer prompts are decoded it is still that of the older ones. */
  readonly answer = $derived.by(() => this.asWanted(this.answered));
  /** For the pointer, as long as nothing is being drawn. */
  readonly hovered = $derived.by(() => this.asWanted(this.preview));
  private image: ImageSize | null = null;
  private asked: Prompts = NO_PROMPTS;
  private pointer: ImagePoint | null = null;

  constructor(
    private readonly decoder: Decoder,
    private readonly viewpoint: Viewpoint,
    private readonly onAnswer: () => void,
    private readonly onError: (error: unknown) => void,
    /** Something outside of the region is asked for; it is asked again by {@link retry}. */
    private readonly onOutside: () => void,
    /** Whether the masks of prompts were tidied when the object that is drawn on was saved; null where it has other prompts now. */
    private readonly savedTidied: (prompts: Prompts) => boolean | null = () => null,
  ) {}

  /** Start anew with another image, or none. */
  open(image: ImageSize | null): void {
    this.image = image;
    this.asked = NO_PROMPTS;
    this.pointer = null;
    this.answered = null;
    this.preview = null;
  }

  /** The decoder is about to see something else; {@link retry} asks it what was asked before. */
  forgetHovered(): void {
    this.preview = null;
  }

  /** Ask again what could not be answered before the embedding was there. */
  retry(): void {
    if (isQuestion(this.asked)) this.decodeAsked();
    else if (this.pointer) this.decodeHovered(this.pointer);
  }

  ask(prompts: Prompts): void {
    const previous = this.asked;
    this.asked = prompts;
    if (!isQuestion(prompts)) {
      if (prompts !== previous) this.answered = null;
      return;
    }
    const { preview, answered } = this;
    this.pointer = null;
    this.preview = null;
    if (answered?.prompts === prompts && answered.region === this.viewpoint.region) return;
    if (preview && isSamePoint(preview.prompts, prompts)) {
      this.answered = { ...preview, prompts }; // a click where the preview was is answered at once
      this.onAnswer();
    } else {
      this.decodeAsked();
    }
  }

  /** The pointer is over the image, or (null) no longer. */
  hover(pointer: ImagePoint | null): void {
    if (isQuestion(this.asked)) return;
    const [x, y] = this.pointer ?? [];
    const moved = pointer?.[0] !== x || pointer?.[1] !== y;
    this.pointer = pointer;
    if (!pointer) this.preview = null;
    else if (moved) this.decodeHovered(pointer);
  }

  private decodeAsked(): void {
    const prompts = this.asked;
    this.decode(prompts, (answer) => {
      if (this.asked !== prompts) return;
      this.answered = answer;
      this.onAnswer();
    });
  }

  private decodeHovered(at: ImagePoint): void {
    const prompts: Prompts = { ...NO_PROMPTS, points: [{ at, label: FOREGROUND }] };
    this.decode(prompts, (answer) => {
      if (this.pointer) this.preview = answer;
    });
  }

  /** Superseded requests and those for another image come back as null. */
  private decode(prompts: Prompts, use: (answer: Answer) => void): void {
    const { image } = this;
    const { region } = this.viewpoint;
    const { manifest } = this.decoder;
    if (!image || !manifest) return;
    if (region && !holds(region, prompts)) {
      this.onOutside();
      return;
    }
    const [given, seen] = [framed(prompts, region, manifest), region ?? image];
    this.decoder.decode(given, seen).then((decoded) => {
      if (!decoded || this.image !== image || this.viewpoint.region !== region) return;
      use({ prompts, decoded, region, tidied: new TidiedMasks(decoded, given, seen, manifest) });
    }, this.onError);
  }

  private asWanted(answer: Answer | null): Answer | null {
    if (!answer) return null;
    const tidies = this.savedTidied(answer.prompts) ?? this.tidies;
    return tidies ? answer : { ...answer, tidied: null };
  }
}

function isSamePoint(a: Prompts, b: Prompts): boolean {
  const [[pointA], [pointB]] = [a.points, b.points];
  return (
    a.points.length === 1 &&
    b.points.length === 1 &&
    b.box === null &&
    b.mask === null &&
    pointA!.label === pointB!.label &&
    pointA!.at[0] === pointB!.at[0] &&
    pointA!.at[1] === pointB!.at[1]
  );
}
