//! The kinds of objects the cluster knows, as API discovery lists them.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// `v1/Namespace`.
    Namespace,
    /// `v1/Pod`.
    Pod,
    /// `v1/Service`.
    Service,
    /// `v1/ConfigMap`.
    ConfigMap,
    /// `v1/Event`.
    Event,
    /// `apps/v1/Deployment`.
    Deployment,
    /// `apps/v1/ReplicaSet`.
    ReplicaSet,
    /// `networking.istio.io/v1/VirtualService`.
    VirtualService,
}

/// What discovery says about a kind.
#[derive(Debug)]
pub(crate) struct Resource {
    /// The kind.
    pub(crate) kind: Kind,
    /// API group; empty for the core.
    pub(crate) group: &'static str,
    /// Version.
    pub(crate) version: &'static str,
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
}

const CORE: Resource = Resource {
    kind: Kind::Namespace,
    group: "",
    version: "v1",
    name: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short: &["ns"],
    namespaced: false,
    status: true,
    custom: false,
    sub: &["status"],
};

const APPS: Resource = Resource {
    kind: Kind::Deployment,
    group: "apps",
    name: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short: &["deploy"],
    namespaced: true,
    sub: &["status", "scale"],
    ..CORE
};

/// Every kind, in the order of discovery.
pub(crate) static RESOURCES: [Resource; 8] = [
    CORE,
    Resource {
        kind: Kind::Pod,
        name: "Pod",
        plural: "pods",
        singular: "pod",
        short: &["po"],
        namespaced: true,
        sub: &["status", "log"],
        ..CORE
    },
    Resource {
        kind: Kind::Service,
        name: "Service",
        plural: "services",
        singular: "service",
        short: &["svc"],
        namespaced: true,
        ..CORE
    },
    Resource {
        kind: Kind::ConfigMap,
        name: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        short: &["cm"],
        namespaced: true,
        status: false,
        sub: &[],
        ..CORE
    },
    Resource {
        kind: Kind::Event,
        name: "Event",
        plural: "events",
        singular: "event",
        short: &["ev"],
        namespaced: true,
        status: false,
        sub: &[],
        ..CORE
    },
    APPS,
    Resource { kind: Kind::ReplicaSet, name: "ReplicaSet", plural: "replicasets", singular: "replicaset", short: &["rs"], ..APPS },
    Resource {
        kind: Kind::VirtualService,
        group: "networking.istio.io",
        name: "VirtualService",
        plural: "virtualservices",
        singular: "virtualservice",
        short: &["vs"],
        status: false,
        custom: true,
        sub: &[],
        ..APPS
    },
];

impl Kind {
    /// What discovery says about it.
    pub(crate) fn resource(self) -> &'static Resource {
        RESOURCES.iter().find(|resource| resource.kind == self).unwrap_or(&CORE)
    }
}

impl Resource {
    /// The resource of a path.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
        RESOURCES.iter().find(|r| r.group == group && r.version == version && r.plural == plural)
    }

    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, as messages name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_in_the_table_once() {
        for resource in &RESOURCES {
            assert_eq!(resource.kind.resource().name, resource.name);
            let found = Resource::find(resource.group, resource.version, resource.plural).unwrap();
            assert_eq!(found.kind, resource.kind);
        }
    }
}
