/** Whether all of a category are annotated on the open image: of which one it is said, by whom, and where one goes on. */

import type { Listing } from "../api/listing.ts";
import type { Exhaustivity } from "../api/types.ts";
import type { Exhaustive } from "../session/document.ts";
import type { SessionCategory } from "../session/types.ts";
import { briefMoment } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

type Categories = readonly SessionCategory[];

const nameOf = (id: number, categories: Categories): string =>
  categories.find((each) => each.id === id)?.name ?? m.annotate_change_category_gone();

/** What was said, as the history has it. */
export function saidText(
  { category_id, exhaustive }: Pick<Exhaustivity, "category_id" | "exhaustive">,
  categories: Categories,
): string {
  const category = nameOf(category_id, categories);
  if (exhaustive === null) return m.annotate_exhaustive_told_unknown({ category });
  return exhaustive ? m.annotate_exhaustive_told({ category }) : m.annotate_exhaustive_told_not({ category });
}

/** Said when somebody has changed which objects there are after others had said that all are annotated. */
export function reopenedText({ category_id, by, reopened_by }: Exhaustivity, categories: Categories): string {
  return m.annotate_exhaustive_reopened({
    category: nameOf(category_id, categories),
    name: by ?? m.app_somebody(),
    changed_by: reopened_by ?? m.app_somebody(),
  });
}

export interface ExhaustivityHost {
  readonly session: {
    readonly image: object | null;
    readonly list: { readonly categories: Categories };
    readonly store: { readonly document: { readonly exhaustive: Exhaustive } };
    sayExhaustive(categoryId: number, exhaustive: boolean | null): void;
  };
  /** Among which images one walks. */
  listing(): Listing;
  /** The category of the selected object, or else of the next mask; null: none. */
  chosen(): number | null;
  /** Who said what, as the server knows it. */
  told(): readonly Exhaustivity[];
  /** Go to the next image. */
  next(): void;
}

export class ExhaustivityStatements {
  constructor(private readonly host: ExhaustivityHost) {}

  /** Whether one walks images of which this is the question. */
  get walking(): boolean {
    const { category, exhaustive } = this.host.listing();
    return category !== null && exhaustive !== "any";
  }

  /** Whether an image is open of which it can be said. */
  get ready(): boolean {
    return this.host.session.image !== null;
  }

  /** The category that is meant: the one that is walked for, or else the one that is chosen. */
  get category(): SessionCategory | null {
    const id = this.walking ? this.host.listing().category : this.host.chosen();
    return this.host.session.list.categories.find((each) => each.id === id) ?? null;
  }

  /** Whether all of a category are annotated; null: nobody knows. */
  known(categoryId: number): boolean | null {
    return this.host.session.store.document.exhaustive.get(categoryId) ?? null;
  }

  /** Who said it and when, or who reopened it; empty where that is not known, or nobody has said anything. */
  why(categoryId: number): string {
    const told = this.host.told().find((each) => each.category_id === categoryId);
    if (!told || told.exhaustive !== this.known(categoryId)) return "";
    const name = told.by ?? m.app_somebody();
    if (!told.reopened_at) return m.annotate_exhaustive_by({ name, when: briefMoment(told.at) });
    return m.annotate_exhaustive_by_reopened({
      name,
      changed_by: told.reopened_by ?? m.app_somebody(),
      when: briefMoment(told.reopened_at),
    });
  }

  /** Of one category; the same again: nobody knows. */
  say(categoryId: number, exhaustive: boolean): void {
    const again = this.known(categoryId) === exhaustive;
    this.host.session.sayExhaustive(categoryId, again ? null : exhaustive);
  }

  /** Of the category that is meant; who walks goes on to the next image, unless they took something back. */
  answer(exhaustive: boolean): void {
    const { category } = this;
    if (!category) return;
    this.say(category.id, exhaustive);
    if (this.walking && this.known(category.id) !== null) this.host.next();
  }
}
