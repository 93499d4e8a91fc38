/** First in, first out, also when there are very many: `shift` of a long array copies it. */
export interface Fifo<T> {
  readonly length: number;
  push(item: T): void;
  shift(): T | undefined;
}

export function fifo<T>(): Fifo<T> {
  let items: T[] = [];
  let taken = 0;
  return {
    get length() {
      return items.length - taken;
    },
    push(item) {
      items.push(item);
    },
    shift() {
      const item = items[taken];
      if (taken < items.length) taken++;
      if (taken > 1000 && taken * 2 > items.length) {
        items = items.slice(taken);
        taken = 0;
      }
      return item;
    },
  };
}
