/** Of the names of all metrics that are the driver's own. */
export const prefix = 'kubevirt_node_driver_';
