/** Which saved annotations are selected, and which one of them commands for a single object mean. */

const NONE: ReadonlySet<string> = new Set();

export class Selection {
  /** The one that single-object commands mean; null when none is selected. */
  uid = $state.raw<string | null>(null);
  /** All that are selected, {@link uid} among them. */
  uids = $state.raw(NONE);
  /** The one that the pointer is over, in the picture or in the list. */
  pointedAt = $state.raw<string | null>(null);
  /** Where a range begins that Shift extends. */
  private anchor: string | null = null;

  /**
   * @param turned somebody turns to another object
   * @param chosen something was selected, be it the same again
   */
  constructor(
    private readonly turned: () => void,
    private readonly chosen: () => void,
  ) {}

  select(uid: string | null): void {
    this.choose(uid === null ? [] : [uid], uid);
  }

  /** @param primary the one that single-object commands mean */
  choose(uids: readonly string[], primary: string | null): void {
    this.turnTo(primary);
    if (primary !== null) this.uids = new Set([...uids, primary]);
    this.chosen();
  }

  /**
   * As lists everywhere: alone, `adding` puts it to the others or takes it away, `extending` takes all from the last one.
   * @param shown uids in the order in which they are shown
   */
  pick(uid: string, { adding = false, extending = false }, shown: readonly string[]): void {
    const from = this.anchor === null ? -1 : shown.indexOf(this.anchor);
    if (extending && from >= 0) {
      const to = shown.indexOf(uid);
      this.choose(shown.slice(Math.min(from, to), Math.max(from, to) + 1), uid);
      return;
    }
    this.anchor = uid;
    if (!adding) this.select(uid);
    else if (!this.uids.has(uid)) this.choose([...this.uids, uid], uid);
    else {
      const rest = [...this.uids].filter((each) => each !== uid);
      this.choose(rest, rest.at(-1) ?? null);
    }
  }

  /** As the document has it now: an object that is still among the selected ones keeps the others. */
  turnTo(uid: string | null): void {
    if (uid !== this.uid) this.turned();
    this.uid = uid;
    if (uid === null) this.uids = NONE;
    else if (!this.uids.has(uid)) this.uids = new Set([uid]);
  }

  /** Another image is open. */
  reset(): void {
    this.uid = null;
    this.pointedAt = null;
    this.uids = NONE;
  }
}
