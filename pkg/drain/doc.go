// Package drain ends all rolling updates of a cluster, so that rcroll can be uninstalled:
// without it, ReplicationControllers would stay as they are in the middle of one.
package drain
