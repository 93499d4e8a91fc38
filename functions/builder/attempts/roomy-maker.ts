import type { StoreRoom } from '../../nix/build-room.ts';
import type { ImageMaker } from '../make/make.ts';

/** A maker for a Nix store that is small: each image it makes has a part of the room until it is made. */
export function roomyMaker(maker: ImageMaker, room: StoreRoom): ImageMaker {
  return {
    keyOf: (order) => maker.keyOf(order),
    async make(order, call) {
      const own = room.open();
      try {
        return await maker.make(order, { ...call, room: own });
      } finally {
        await own.close();
      }
    },
  };
}
