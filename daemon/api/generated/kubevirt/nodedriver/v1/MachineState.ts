// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

export const MachineState = {
  MACHINE_STATE_UNSPECIFIED: 'MACHINE_STATE_UNSPECIFIED',
  MACHINE_STATE_STARTING: 'MACHINE_STATE_STARTING',
  MACHINE_STATE_RUNNING: 'MACHINE_STATE_RUNNING',
  MACHINE_STATE_EXITED: 'MACHINE_STATE_EXITED',
  MACHINE_STATE_LOST: 'MACHINE_STATE_LOST',
} as const;

export type MachineState =
  | 'MACHINE_STATE_UNSPECIFIED'
  | 0
  | 'MACHINE_STATE_STARTING'
  | 1
  | 'MACHINE_STATE_RUNNING'
  | 2
  | 'MACHINE_STATE_EXITED'
  | 3
  | 'MACHINE_STATE_LOST'
  | 4

export type MachineState__Output = typeof MachineState[keyof typeof MachineState]
