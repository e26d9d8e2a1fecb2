//! The kinds of objects the cluster knows, as API discovery lists them.

/// A kind of object. The names are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Namespace,
    Node,
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    ConfigMap,
    Secret,
    ServiceAccount,
    PersistentVolumeClaim,
    Event,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    CronJob,
    HorizontalPodAutoscaler,
    Lease,
    Ingress,
    PodDisruptionBudget,
    VirtualService,
    DestinationRule,
}

/// What discovery says about a kind.
#[derive(Debug)]
pub(crate) struct Resource {
    /// The kind.
    pub(crate) kind: Kind,
    /// API group; empty for the core.
    pub(crate) group: &'static str,
    /// The version objects are kept in.
    pub(crate) version: &'static str,
    /// Further groups and versions it is served under.
    pub(crate) also: &'static [(&'static str, &'static str)],
    /// Kind as written in objects.
    pub(crate) name: &'static str,
    /// Plural, as in paths.
    pub(crate) plural: &'static str,
    /// Singular.
    pub(crate) singular: &'static str,
    /// Short names.
    pub(crate) short: &'static [&'static str],
    /// Lives in a namespace.
    pub(crate) namespaced: bool,
    /// Has a status of its own, which a write to the object itself leaves alone.
    pub(crate) status: bool,
    /// A custom resource: strategic merge patches do not work on it.
    pub(crate) custom: bool,
    /// Subresources, as in paths.
    pub(crate) sub: &'static [&'static str],
    /// Part of what `kubectl get all` shows.
    pub(crate) all: bool,
}

const CORE: Resource = Resource {
    kind: Kind::Namespace,
    group: "",
    version: "v1",
    also: &[],
    name: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short: &["ns"],
    namespaced: false,
    status: true,
    custom: false,
    sub: &["status"],
    all: false,
};

/// What has no status and no subresources.
const PLAIN: Resource = Resource { namespaced: true, status: false, sub: &[], short: &[], ..CORE };

const APPS: Resource = Resource {
    kind: Kind::Deployment,
    group: "apps",
    name: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short: &["deploy"],
    namespaced: true,
    sub: &["status", "scale"],
    all: true,
    ..CORE
};

const BATCH: Resource = Resource {
    kind: Kind::Job,
    group: "batch",
    name: "Job",
    plural: "jobs",
    singular: "job",
    short: &[],
    sub: &["status"],
    ..APPS
};

const ISTIO: Resource = Resource {
    kind: Kind::VirtualService,
    group: "networking.istio.io",
    also: &[("networking.istio.io", "v1beta1"), ("networking.istio.io", "v1alpha3")],
    name: "VirtualService",
    plural: "virtualservices",
    singular: "virtualservice",
    short: &["vs"],
    custom: true,
    ..PLAIN
};

/// A row: kind, its three names, its short ones.
const fn row(base: Resource, kind: Kind, names: [&'static str; 3], short: &'static [&'static str]) -> Resource {
    let [name, plural, singular] = names;
    Resource { kind, name, plural, singular, short, ..base }
}

/// Every kind, in the order of discovery.
#[rustfmt::skip]
pub(crate) static RESOURCES: [Resource; 24] = [
    CORE,
    row(CORE, Kind::Node, ["Node", "nodes", "node"], &["no"]),
    Resource {
        namespaced: true,
        sub: &["status", "log"],
        all: true,
        ..row(CORE, Kind::Pod, ["Pod", "pods", "pod"], &["po"])
    },
    Resource { namespaced: true, all: true, ..row(CORE, Kind::Service, ["Service", "services", "service"], &["svc"]) },
    row(PLAIN, Kind::Endpoints, ["Endpoints", "endpoints", "endpoints"], &["ep"]),
    row(PLAIN, Kind::ConfigMap, ["ConfigMap", "configmaps", "configmap"], &["cm"]),
    row(PLAIN, Kind::Secret, ["Secret", "secrets", "secret"], &[]),
    row(PLAIN, Kind::ServiceAccount, ["ServiceAccount", "serviceaccounts", "serviceaccount"], &["sa"]),
    Resource {
        namespaced: true,
        ..row(CORE, Kind::PersistentVolumeClaim, ["PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim"], &["pvc"])
    },
    Resource { also: &[("events.k8s.io", "v1")], ..row(PLAIN, Kind::Event, ["Event", "events", "event"], &["ev"]) },
    APPS,
    row(APPS, Kind::ReplicaSet, ["ReplicaSet", "replicasets", "replicaset"], &["rs"]),
    row(APPS, Kind::StatefulSet, ["StatefulSet", "statefulsets", "statefulset"], &["sts"]),
    Resource { sub: &["status"], ..row(APPS, Kind::DaemonSet, ["DaemonSet", "daemonsets", "daemonset"], &["ds"]) },
    Resource {
        group: "apps",
        ..row(PLAIN, Kind::ControllerRevision, ["ControllerRevision", "controllerrevisions", "controllerrevision"], &[])
    },
    BATCH,
    row(BATCH, Kind::CronJob, ["CronJob", "cronjobs", "cronjob"], &["cj"]),
    Resource {
        group: "autoscaling",
        version: "v2",
        also: &[("autoscaling", "v1")],
        ..row(BATCH, Kind::HorizontalPodAutoscaler, ["HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler"], &["hpa"])
    },
    Resource {
        group: "discovery.k8s.io",
        ..row(PLAIN, Kind::EndpointSlice, ["EndpointSlice", "endpointslices", "endpointslice"], &[])
    },
    Resource { group: "coordination.k8s.io", ..row(PLAIN, Kind::Lease, ["Lease", "leases", "lease"], &[]) },
    Resource {
        group: "networking.k8s.io",
        all: false,
        ..row(BATCH, Kind::Ingress, ["Ingress", "ingresses", "ingress"], &["ing"])
    },
    Resource {
        group: "policy",
        all: false,
        ..row(BATCH, Kind::PodDisruptionBudget, ["PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget"], &["pdb"])
    },
    ISTIO,
    row(ISTIO, Kind::DestinationRule, ["DestinationRule", "destinationrules", "destinationrule"], &["dr"]),
];

impl Kind {
    /// What discovery says about it.
    pub(crate) fn resource(self) -> &'static Resource {
        RESOURCES.iter().find(|resource| resource.kind == self).unwrap_or(&CORE)
    }

    /// The kind of an owner reference's `kind`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        RESOURCES.iter().find(|resource| resource.name == name).map(|resource| resource.kind)
    }
}

impl Resource {
    /// The resource of a path.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
        RESOURCES.iter().find(|r| r.plural == plural && r.served().any(|served| served == (group, version)))
    }

    /// The groups and versions it is served under, the one it is kept in first.
    pub(crate) fn served(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [(self.group, self.version)].into_iter().chain(self.also.iter().copied())
    }

    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        api_version(self.group, self.version)
    }

    /// `deployments.apps`, as messages name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

/// `v1` or `apps/v1`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_in_the_table_once() {
        for resource in &RESOURCES {
            assert_eq!(resource.kind.resource().name, resource.name);
            for (group, version) in resource.served() {
                let found = Resource::find(group, version, resource.plural).unwrap();
                assert_eq!(found.kind, resource.kind);
            }
        }
    }
}
