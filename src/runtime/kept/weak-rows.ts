// Rows of words that stand outside of a store for as long as somebody holds them, such as the slots of calls that wait.

const fewRows = 1000;

export class WeakRows {
  private rows: WeakRef<Int32Array>[] = [];
  /** With more of them than this, those that are gone are looked for. */
  private most = fewRows;

  add(row: Int32Array): void {
    this.rows.push(new WeakRef(row));
    if (this.rows.length > this.most) this.most = 2 * this.live().length + fewRows;
  }

  live(): Int32Array[] {
    const live: Int32Array[] = [];
    this.rows = this.rows.filter((weak) => {
      const row = weak.deref();
      if (row !== undefined) live.push(row);
      return row !== undefined;
    });
    return live;
  }
}
