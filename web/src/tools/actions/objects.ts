/** Actions on saved objects. With several selected, they mean all of them. */

import { m } from "../../texts/messages.ts";
import type { Action, ActionContext } from "./action.ts";

const some = ({ objects }: ActionContext) => objects.selected.length > 0;
const one = ({ objects }: ActionContext) => objects.selected.length === 1;

/** @param position in the list of categories, from 0 */
const category = <Position extends number>(position: Position) =>
  ({
    group: "Objects",
    command: `category${position}`,
    does: () => m.tools_category({ number: position + 1 }),
    keys: [`${(position + 1) % 10}`],
    changes: true,
    possible: ({ session }) => session.list.categories.length > position,
    run: ({ session, objects }) => {
      const { id } = session.list.categories[position]!;
      if (objects.selected.length > 1) objects.setCategory(id);
      else {
        session.chooseCategory(id);
        if (session.draft.canAccept || session.draft.decoding) session.drawing.accept();
      }
    },
  }) as const satisfies Action;

export const OBJECTS = [
  {
    group: "Objects",
    command: "selectAll",
    does: m.tools_select_all,
    keys: ["Ctrl+a"],
    run: ({ session: { list, selection } }) => {
      const uids = list.annotations.map(({ uid }) => uid);
      selection.choose(uids, uids.at(-1) ?? null);
    },
  },
  {
    group: "Objects",
    command: "copy",
    does: m.tools_copy,
    keys: ["Ctrl+c"],
    possible: some,
    run: ({ objects }) => objects.copy(),
  },
  {
    group: "Objects",
    command: "paste",
    does: m.tools_paste,
    keys: ["Ctrl+v"],
    changes: true,
    possible: ({ objects }) => objects.clipboard.length > 0,
    run: ({ page }) => page.paste(),
  },
  {
    group: "Objects",
    command: "duplicate",
    does: m.tools_duplicate,
    keys: ["Ctrl+d"],
    changes: true,
    possible: some,
    run: ({ objects, page }) => {
      objects.copy();
      page.paste();
    },
  },
  {
    group: "Objects",
    command: "propagate",
    does: m.tools_propagate,
    keys: ["Ctrl+b"],
    changes: true,
    possible: some,
    run: ({ page }) => page.propagate(),
  },
  {
    group: "Objects",
    command: "remove",
    does: m.tools_remove,
    keys: ["Delete"],
    changes: true,
    possible: some,
    run: ({ objects }) => objects.remove(),
  },
  {
    group: "Objects",
    command: "hide",
    does: m.tools_hide,
    keys: ["h"],
    run: ({ objects }) => objects.toggleHidden(),
  },
  {
    group: "Objects",
    command: "lock",
    does: m.tools_lock,
    keys: ["l"],
    changes: true,
    possible: some,
    run: ({ objects }) => objects.toggleLocked(),
  },
  {
    group: "Objects",
    command: "history",
    does: m.tools_history,
    keys: ["Shift+h"],
    run: ({ page }) => page.openHistory(),
  },
  {
    group: "Objects",
    command: "raise",
    does: m.tools_raise,
    keys: ["Ctrl+ArrowDown"],
    changes: true,
    possible: one,
    run: ({ objects }) => objects.move(1),
  },
  {
    group: "Objects",
    command: "lower",
    does: m.tools_lower,
    keys: ["Ctrl+ArrowUp"],
    changes: true,
    possible: one,
    run: ({ objects }) => objects.move(-1),
  },
  category(0),
  category(1),
  category(2),
  category(3),
  category(4),
  category(5),
  category(6),
  category(7),
  category(8),
  category(9),
  {
    group: "Objects",
    command: "exhaustive",
    does: m.tools_exhaustive,
    keys: ["Shift+a"],
    changes: true,
    once: true,
    possible: ({ page }) => page.ready && page.canSayExhaustive,
    run: ({ page }) => page.sayExhaustive(true),
  },
  {
    group: "Objects",
    command: "notExhaustive",
    does: m.tools_not_exhaustive,
    keys: ["Shift+w"],
    changes: true,
    once: true,
    possible: ({ page }) => page.ready && page.canSayExhaustive,
    run: ({ page }) => page.sayExhaustive(false),
  },
  {
    group: "Objects",
    command: "findCategory",
    does: m.tools_find_category,
    keys: ["/"],
    changes: true,
    run: ({ page }) => page.findCategory(),
  },
] as const satisfies readonly Action[];
