package cluster

import (
	"path/filepath"
	"strings"

	"github.com/rcroll/rcroll/hack/localcluster/internal/process"
)

// component is one process of the cluster.
type component struct {
	name string
	// binary is the executable's name in bin; empty if the component is part of this executable.
	binary string
	// flags are its arguments.
	flags []string
	// readyURL answers 200 as soon as the component serves.
	readyURL string
}

const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kwokName              = "kwok"
	webhookName           = "webhook"
	agentName             = "agent"
)

// Names are the components in the order in which they are started.
var Names = []string{
	etcdName, apiServerName, controllerManagerName, schedulerName, kwokName, webhookName, agentName,
}

// unlimited is the request rate of the clients: with their default limits, tests would measure those.
const unlimited = "10000"

func (c *Cluster) component(name string) component {
	switch name {
	case etcdName:
		return c.etcd()
	case apiServerName:
		return c.apiServer()
	case controllerManagerName:
		return c.controllerManager()
	case schedulerName:
		return c.scheduler()
	case kwokName:
		return c.kwok()
	case webhookName:
		return c.webhook()
	case agentName:
		return c.agent()
	}
	panic("unknown component " + name) // callers validate names that come from outside
}

func (c *Cluster) etcd() component {
	client, peer := "http://"+c.address(etcdPort), "http://"+c.address(etcdPeerPort)
	return component{
		name: etcdName,
		flags: []string{
			"--data-dir=" + filepath.Join(c.dir, "etcd"),
			"--listen-client-urls=" + client,
			"--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer,
			"--initial-advertise-peer-urls=" + peer,
			"--initial-cluster=default=" + peer,
			// Without fsync a killed process loses nothing; only a machine that crashes does, which ends the cluster anyway.
			"--unsafe-no-fsync",
			"--log-level=warn",
		},
		readyURL: client + "/readyz",
	}
}

func (c *Cluster) apiServer() component {
	flags := []string{
		"--etcd-servers=http://" + c.address(etcdPort),
		"--bind-address=127.0.0.1",
		"--secure-port=" + c.port(apiServerPort),
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // an Endpoints object must not hold a loopback address
		"--tls-cert-file=" + c.pkiFile("apiserver.crt"),
		"--tls-private-key-file=" + c.pkiFile("apiserver.key"),
		"--client-ca-file=" + c.pkiFile("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pkiFile("service-account.crt"),
		"--service-account-signing-key-file=" + c.pkiFile("service-account.key"),
		"--service-account-max-token-expiration=" + tokenLifetime.String(),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--allow-privileged",
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
		"--shutdown-watch-termination-grace-period=1s", // otherwise open watches hold a terminated server up for a minute
	}
	if c.state.Audit {
		flags = append(flags,
			"--audit-policy-file="+c.auditPolicyFile(),
			"--audit-log-path="+filepath.Join(c.dir, "logs", "audit.log"))
	}
	if c.state.WebhookClientCert {
		flags = append(flags, "--admission-control-config-file="+c.admissionConfigurationFile())
	}
	return component{name: apiServerName, flags: flags, readyURL: "https://" + c.address(apiServerPort) + "/readyz"}
}

func (c *Cluster) controllerManager() component {
	return component{
		name: controllerManagerName,
		flags: append(c.servingFlags(controllerManagerPort),
			"--kubeconfig="+c.componentKubeconfig(controllerManagerName),
			"--leader-elect=false", // a restarted one need not wait for its predecessor's lease
			"--use-service-account-credentials",
			"--root-ca-file="+c.pkiFile("ca.crt"),
			"--service-account-private-key-file="+c.pkiFile("service-account.key"),
			"--kube-api-qps="+unlimited,
			"--kube-api-burst="+unlimited,
			// A laptop that wakes up must not find its nodes lost and its pods unready.
			"--node-monitor-grace-period=24h",
		),
		readyURL: "https://" + c.address(controllerManagerPort) + "/healthz",
	}
}

func (c *Cluster) scheduler() component {
	return component{
		name: schedulerName,
		flags: append(c.servingFlags(schedulerPort),
			"--kubeconfig="+c.componentKubeconfig(schedulerName),
			"--leader-elect=false",
			"--kube-api-qps="+unlimited,
			"--kube-api-burst="+unlimited,
		),
		readyURL: "https://" + c.address(schedulerPort) + "/readyz",
	}
}

func (c *Cluster) servingFlags(p port) []string {
	return []string{
		"--bind-address=127.0.0.1",
		"--secure-port=" + c.port(p),
		"--tls-cert-file=" + c.pkiFile("apiserver.crt"), // a certificate for the loopback address, like any here
		"--tls-private-key-file=" + c.pkiFile("apiserver.key"),
	}
}

func (c *Cluster) kwok() component {
	return component{
		name: kwokName,
		flags: []string{
			"--kubeconfig=" + c.componentKubeconfig(kwokName),
			"--bind-address=" + c.address(kwokPort),
		},
		readyURL: "http://" + c.address(kwokPort) + "/readyz",
	}
}

func (c *Cluster) webhook() component {
	flags := []string{
		"--kubeconfig=" + c.componentKubeconfig(webhookName),
		"--namespace=" + c.namespace(),
		"--bind-address=127.0.0.1",
		"--port=" + c.port(webhookPort),
		"--cert-dir=" + filepath.Join(c.dir, "webhook-certs"),
		"--extra-dns-name=localhost",
		"--health-probe-bind-address=" + c.address(webhookHealthPort),
		"--metrics-bind-address=" + c.address(webhookMetricsPort),
	}
	if c.state.WebhookClientCert {
		flags = append(flags,
			"--client-ca-file="+c.pkiFile(webhookClientCA),
			"--client-allowed-names="+webhookClientName)
	}
	return component{
		name: webhookName, binary: webhookName, flags: flags,
		readyURL: "http://" + c.address(webhookHealthPort) + "/readyz",
	}
}

func (c *Cluster) agent() component {
	return component{
		name:   agentName,
		binary: agentName,
		flags: []string{
			"--kubeconfig=" + c.componentKubeconfig(agentName),
			"--namespace=" + c.namespace(),
			"--leader-elect",
			"--health-probe-bind-address=" + c.address(agentHealthPort),
			"--metrics-bind-address=" + c.address(agentMetricsPort),
		},
		readyURL: "http://" + c.address(agentHealthPort) + "/readyz",
	}
}

// path returns the component's executable.
func (c *Cluster) path(comp component) string {
	if comp.binary == "" {
		return c.self
	}
	return filepath.Join(c.root, "bin", comp.binary)
}

// spec returns how the component's process is started.
func (c *Cluster) spec(comp component, fingerprint string) process.Spec {
	return process.Spec{Name: comp.name, Path: c.path(comp), Args: comp.commandLine(), Fingerprint: fingerprint}
}

// commandLine starts with the component's name, which selects the program within the executable.
func (comp component) commandLine() []string { return append([]string{comp.name}, comp.flags...) }

func (comp component) secure() bool { return strings.HasPrefix(comp.readyURL, "https:") }
