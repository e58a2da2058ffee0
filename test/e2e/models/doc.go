// Package models plays the scripts of test/sim on a real control plane: the models of
// the API server, the ReplicationController controller, the garbage collector and the
// kubelets must come to the same objects as the originals.
package models
