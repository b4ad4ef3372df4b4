// What a part of a group does while all its members wait: it keeps its thread for some time, as what others send it is soon there,
// and tells them that it waits, so that all know when nobody of the group can go on.

import type { Group } from '../../talk/group.ts';
import type { Bridge } from '../../talk/threads/bridge.ts';

/** So long it keeps the thread while others wait for that, in ms. */
const crowdedMs = 2;
/** How long it is asleep at the most before it looks whether its slice is over, in ms. */
const asleepMs = 1;
/** How often other code of the thread has its turn, in ms. */
const turnMs = 5;

/** When the slice is to end. */
interface Bell {
  readonly aborted: boolean;
  readonly isCrowded: boolean;
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whether members may go on: not so once the slice is to end, or all parts wait. `until`: in ms since 1970. */
export async function heard(
  bridge: Bridge,
  group: Group,
  bell: Bell,
  { working, until }: { readonly working: number; readonly until: number },
): Promise<boolean> {
  bridge.rest();
  const since = performance.now();
  let turnAt = since;
  const goOn = () => bridge.hasNews || group.isReady || Date.now() >= until;
  while (!goOn()) {
    const now = performance.now();
    if (bell.aborted || (bell.isCrowded && now - since >= crowdedMs)) return false;
    if (bridge.isOver || bridge.isAwaitedElsewhere) return false;
    if (working === 0 && now - turnAt < turnMs) bridge.sleep(Math.max(0, Math.min(asleepMs, until - Date.now())));
    else {
      turnAt = now;
      await (working === 0 ? later() : bridge.orLater(group.news(), asleepMs));
    }
  }
  bridge.goOn();
  // Whose time has come is woken by a timer.
  if (Date.now() >= until) await later();
  return true;
}
