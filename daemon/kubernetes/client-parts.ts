/** All that is used of the client, so that the image has that alone. Loaded when it is asked for: see `KubernetesClient`. */
export {
  AuthenticationV1Api,
  CoreV1Api,
  KubeConfig,
  Observable,
  PatchStrategy,
  Watch,
} from '@kubernetes/client-node';
