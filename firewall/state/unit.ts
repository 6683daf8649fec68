/** A systemd unit as it is or is to be: started at boot, and running now. */
export interface UnitState {
  enabled: boolean;
  active: boolean;
}

export interface UnitChange {
  name: string;
  from: UnitState;
  to: UnitState;
}

/** The change that takes this one back. */
export const reversed = ({ name, from, to }: UnitChange): UnitChange => ({ name, from: to, to: from });
