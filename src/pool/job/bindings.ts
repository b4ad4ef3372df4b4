// The services of a pool, bound once each.

import { checkService } from '../told/options.ts';
import { BoundService, type Service } from '../told/services.ts';

export class Bindings {
  private readonly services = new Map<string, Service>();
  /** Services behind a port, as long as that is open. */
  private readonly bound = new Map<Service, BoundService>();

  constructor(services: Readonly<Record<string, Service>>) {
    for (const [name, service] of Object.entries(services)) this.expose(name, service);
  }

  /** From now on it is behind the import module of that name. Throws UsageError. */
  expose(name: string, service: Service): void {
    checkService(name, service);
    this.bind(service);
    this.services.set(name, service);
  }

  has(name: string): boolean {
    return this.services.has(name);
  }

  /** Those of the pool as they are now, and these besides. */
  with(services: Readonly<Record<string, Service>>): Map<string, BoundService> {
    const bound = new Map<string, BoundService>();
    for (const given of [this.services, Object.entries(services)])
      for (const [name, service] of given) bound.set(name, this.bind(service));
    return bound;
  }

  private bind(service: Service): BoundService {
    const known = this.bound.get(service);
    if (known !== undefined) return known;
    const made = BoundService.bind(service, () => this.bound.delete(service));
    if (made.hasPort) this.bound.set(service, made);
    return made;
  }

  /** Lets go of the ports that were opened. */
  release(): void {
    for (const service of this.bound.values()) service.release();
  }
}
